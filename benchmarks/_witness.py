"""A relay on loopback before the local service, one per caller: it notes when the caller sends a request."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65536


class Witness:
    """Relays connections while the `with` block runs; requests are not pipelined."""

    def __init__(self, service: str) -> None:
        host, _, port = service.partition(":")
        self._service = (host, int(port))
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.endpoint = ""
        self.sent: list[float] = []
        """When (monotonic) each request came."""
        self.in_flight = 0
        """Requests without an answer."""

    def sent_since(self, at: float) -> int:
        """Return how many requests came since a time."""
        return sum(each >= at for each in self.sent)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._serving = asyncio.ensure_future(asyncio.Event().wait())
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, backlog=1024)
        self.endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._serving

    async def _relay(self, caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        service, to_service = await asyncio.open_connection(*self._service)
        exchange = _Exchange(self)
        ways = (
            _pass_on(caller, to_service, exchange.asked),
            _pass_on(service, to_caller, exchange.answered),
        )
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*ways)
        exchange.answered()


class _Exchange:
    """Whether a request is under way on one connection."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._is_under_way = False

    def asked(self) -> None:
        if not self._is_under_way:
            self._is_under_way = True
            self._witness.sent.append(time.monotonic())
            self._witness.in_flight += 1

    def answered(self) -> None:
        if self._is_under_way:
            self._is_under_way = False
            self._witness.in_flight -= 1


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[], None]
) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK_BYTES):
            note()
            writer.write(chunk)
            await writer.drain()
    writer.close()
