"""A longer way to a server: what passes, there or back, is held up for half a round trip."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def delayed(port: int, *, round_trip_seconds: float) -> Iterator[int]:
    """Forward to a port of this host; yield the port where it takes longer."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = _Proxy(loop, port, round_trip_seconds / 2)
    try:
        yield asyncio.run_coroutine_threadsafe(proxy.listen(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Proxy:
    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, one_way_seconds: float) -> None:
        self._loop = loop
        self._port = port
        self.one_way_seconds = one_way_seconds
        self.open: set[asyncio.Transport] = set()
        self._dialling: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        self._server = await self._loop.create_server(lambda: _End(self, None), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        for transport in self.open:
            transport.abort()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        await asyncio.sleep(0)  # for the connections to note that they are closed

    def dial(self, caller: "_End") -> None:
        task = self._loop.create_task(self._connect(caller))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, caller: "_End") -> None:
        try:
            await self._loop.create_connection(lambda: _End(self, caller), "127.0.0.1", self._port)
        except OSError:
            caller.transport.abort()


class _End(asyncio.Protocol):
    """One end of a connection through the proxy; what comes in goes out at the other, later."""

    def __init__(self, proxy: _Proxy, caller: "_End | None") -> None:
        self._proxy = proxy
        self._other = caller
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream has a Transport
        self._proxy.open.add(self.transport)
        if self._other is None:
            self._proxy.dial(self)
        else:
            self._other.meet(self)

    def meet(self, other: "_End") -> None:
        self._other = other
        for piece in self._early:
            other.send_later(piece)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.send_later(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._proxy.open.discard(self.transport)
        if self._other is not None:
            asyncio.get_running_loop().call_later(self._proxy.one_way_seconds, self._other.transport.close)

    def send_later(self, piece: bytes) -> None:
        asyncio.get_running_loop().call_later(self._proxy.one_way_seconds, self._send, piece)

    def _send(self, piece: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(piece)
