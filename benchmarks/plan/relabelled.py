"""A service that answers under another name: the local one behind a relay that changes `X-Answered-By`."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from devstack.processes import free_ports

_NAME, _OTHER = b"comparemaskface/hash", b"comparemaskface/else"


class Relabelled:
    """Relays to an address, on a port of its own, while the `with` block runs."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.partition(":")
        self._target = host, int(port)
        (self._port,) = free_ports(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relabelled", daemon=True)

    @property
    def endpoint(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", self._port)
        asyncio.run_coroutine_threadsafe(start, self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to, back = await asyncio.open_connection(*self._target)
        await asyncio.gather(_copy(reader, back), _copy(to, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data.replace(_NAME, _OTHER))
        await writer.drain()
    writer.close()
