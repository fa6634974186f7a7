"""A TCP relay on loopback that makes the network between a caller and a server as bad as one asks.

    caller --> Relay --> server         with Relay(server.port, one_way_seconds=0.01) as relay:
                                            call(relay.port)
                                            relay.is_cut = True

Faults may be set from any thread while the block runs. The relay also records when callers sent requests, for
protocols that are not pipelined: a request begins with the first bytes after an answer.
"""

import asyncio
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_LOOPBACK = "127.0.0.1"
_BLOCK_BYTES = 65_536
_LOOK_SECONDS = 0.01
_BACKLOG = 1024


class Relay:
    """Passes connections on to a port of this host while the `with` block runs."""

    def __init__(self, to_port: int, *, one_way_seconds: float = 0) -> None:
        self.one_way_seconds = one_way_seconds
        """Delay of what passes, there or back: half a round trip."""
        self.is_cut = False
        """New connections are closed at once, open ones with the next bytes they send."""
        self.is_hung = False
        """Connections are accepted and stay open, but nothing passes until this is false again."""
        self.answers_to_lose = 0
        """So many answers are lost: the server has given them, but the connection is closed instead."""
        self.requests_to_tear = 0
        """So many HTTP requests lose their connection between the server's `100 Continue` and the body."""
        self.answers_lost = self.requests_torn = 0
        self.sent: list[float] = []
        """When (monotonic) each request began."""
        self.in_flight = 0
        """Requests without an answer so far."""
        self.port = 0
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def endpoint(self) -> str:
        """Return host and port where callers connect."""
        return f"{_LOOPBACK}:{self.port}"

    def sent_since(self, at: float) -> int:
        """Return how many requests began at or after a time (monotonic)."""
        return sum(each >= at for each in self.sent)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_Connection(self).run(reader, writer, to_port=self._to_port))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(accept, _LOOPBACK, 0, backlog=_BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


class _Connection:
    """One connection through the relay: when either side closes it, the other side is closed too."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._awaits_answer = False

    async def run(
        self, caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter, *, to_port: int
    ) -> None:
        writers = [to_caller]
        try:
            if self._relay.is_cut:
                return
            server, to_server = await asyncio.open_connection(_LOOPBACK, to_port)
            writers.append(to_server)
            ways = [
                asyncio.create_task(self._pass_on(caller, to_server, is_answer=False)),
                asyncio.create_task(self._pass_on(server, to_caller, is_answer=True)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the server is away: the caller sees its connection closed
        finally:
            self._record_answer()
            for writer in writers:
                writer.close()
            for writer in writers:
                with suppress(OSError):
                    await writer.wait_closed()

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        """Deliver blocks until the source ends or a fault strikes."""
        blocks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(blocks, target))
        try:
            while block := await _block_from(source):
                if self._relay.is_cut or (is_answer and self._loses(block)):
                    return
                self._record_answer() if is_answer else self._record_request()
                blocks.put_nowait((time.monotonic() + self._relay.one_way_seconds, block))
            blocks.put_nowait((time.monotonic() + self._relay.one_way_seconds, b""))
            await delivering
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def _deliver(
        self, blocks: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter
    ) -> None:
        """Write each block when it is due, up to the empty one that ends the stream."""
        with suppress(OSError):
            while True:
                due, block = await blocks.get()
                if (ahead := due - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                while self._relay.is_hung:
                    await asyncio.sleep(_LOOK_SECONDS)
                if not block:
                    return
                target.write(block)
                await target.drain()

    def _loses(self, answer: bytes) -> bool:
        relay = self._relay
        if b" 100 Continue" in answer[:32]:  # the body follows only now
            is_torn = relay.requests_to_tear > 0
            relay.requests_to_tear -= is_torn
            relay.requests_torn += is_torn
            return is_torn
        is_lost = relay.answers_to_lose > 0
        relay.answers_to_lose -= is_lost
        relay.answers_lost += is_lost
        return is_lost

    def _record_request(self) -> None:
        if not self._awaits_answer:
            self._awaits_answer = True
            self._relay.sent.append(time.monotonic())
            self._relay.in_flight += 1

    def _record_answer(self) -> None:
        if self._awaits_answer:
            self._awaits_answer = False
            self._relay.in_flight -= 1


async def _block_from(source: asyncio.StreamReader) -> bytes:
    """Return the next bytes; none when the source has closed or reset the connection."""
    try:
        return await source.read(_BLOCK_BYTES)
    except OSError:
        return b""
