"""A web server on the loopback with one good picture and much that is wrong."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

_BOMB = gzip.compress(bytes(30_000_000))


class Web:
    """Answers by path: good, slow, endless, loop, cut, gzip, anything else not found."""

    def __init__(self, picture: bytes) -> None:
        self._picture = picture
        self.address = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].strip(b"/").decode()
            async for piece in self._pieces(path):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _pieces(self, path: str) -> AsyncIterator[bytes]:
        if path == "loop":
            yield b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"
        elif path == "cut":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx"
        elif path == "endless":
            yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            for _ in range(1000):
                yield b"4000\r\n" + bytes(0x4000) + b"\r\n"
        elif path == "slow":
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            for _ in range(200):
                yield b"x"
                await asyncio.sleep(0.1)
        elif path == "gzip":
            yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB)
            yield _BOMB
        elif path == "good":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self._picture)
            yield self._picture
        else:
            yield b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
