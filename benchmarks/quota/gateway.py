"""A stand-in for the vendor's gateway: counts in one of three ways, is slow like the real one, records all.

Protocol: a caller sends eight bytes, its number and that of the call; back come the same and one byte, 1 when
the call was accepted. A call reaches the count after a network delay, so even spacing is lost on the way.
"""

import asyncio
import heapq
import multiprocessing
import random
import struct
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Protocol

import uvloop

FRAME = struct.Struct("!II")
_TICK_SECONDS = 0.004
_REFUSED_SECONDS = 0.02


class Counting(StrEnum):
    """How a gateway counts."""

    CALENDAR_SECOND = "calendar second"
    GCRA = "GCRA"
    SLIDING_SECOND = "sliding second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway: calls per second and their counting, delay before it, answer times, share of stalls."""

    quota: float
    counting: Counting = Counting.CALENDAR_SECOND
    jitter_seconds: float = 0.003
    latency_seconds: float = 0.150
    stalls: float = 0.02
    stall_seconds: float = 5.0


@dataclass(slots=True)
class Books:
    """When (time of day) calls of which caller were accepted and refused."""

    accepted: "array[float]" = field(default_factory=lambda: array("d"))
    accepted_of: "array[int]" = field(default_factory=lambda: array("I"))
    refused: "array[float]" = field(default_factory=lambda: array("d"))

    def use(self, quota: float, *, since: float, until: float) -> float:
        """Return the share of the quota that was used between two times."""
        return sum(since <= at < until for at in self.accepted) / (quota * (until - since))

    def refused_share(self, *, since: float, until: float) -> float:
        """Return the share of the calls between two times that were refused."""
        accepted, refused = (sum(since <= at < until for at in ats) for ats in (self.accepted, self.refused))
        return refused / max(1, accepted + refused)


class Count(Protocol):
    """Decides on a call at a time; times come in order."""

    def accepts(self, at: float) -> bool:
        """Return True if a call is within the quota, and count it."""
        ...


class CalendarSecond:
    """So many calls in each second of the clock."""

    def __init__(self, quota: float) -> None:
        self._quota, self._second, self._calls = quota, 0, 0

    def accepts(self, at: float) -> bool:
        """Count."""
        if int(at) != self._second:
            self._second, self._calls = int(at), 0
        if self._calls >= self._quota:
            return False
        self._calls += 1
        return True


class SlidingSecond:
    """So many calls in any second."""

    def __init__(self, quota: float) -> None:
        self._quota = quota
        self._accepted: deque[float] = deque()

    def accepts(self, at: float) -> bool:
        """Count."""
        while self._accepted and self._accepted[0] <= at - 1:
            self._accepted.popleft()
        if len(self._accepted) < self._quota:
            self._accepted.append(at)
            return True
        return False


class Gcra:
    """A bucket of a tenth of the quota, refilled evenly."""

    def __init__(self, quota: float) -> None:
        self._interval, self._burst, self._due = 1 / quota, quota / 10, 0.0

    def accepts(self, at: float) -> bool:
        """Count."""
        due = max(self._due, at)
        if due - at > self._interval * max(0.0, self._burst - 1) + 1e-9:
            return False
        self._due = due + self._interval
        return True


_COUNTS: dict[Counting, type[CalendarSecond | SlidingSecond | Gcra]] = {
    Counting.CALENDAR_SECOND: CalendarSecond,
    Counting.SLIDING_SECOND: SlidingSecond,
    Counting.GCRA: Gcra,
}


@contextmanager
def running(gateway: Gateway) -> Iterator[tuple[int, "Ledger"]]:
    """Run a gateway in a process of its own; yield its port, and its books to be had at the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(gateway, theirs), daemon=True)
    process.start()
    theirs.close()
    ledger = Ledger(ours)
    try:
        yield ours.recv(), ledger
    finally:
        ledger.close()
        process.join(10)
        process.kill()


class Ledger:
    """Asks a running gateway what it has recorded."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def books(self) -> Books:
        """Return the books as they are now."""
        self._pipe.send("books")
        books = self._pipe.recv()
        if not isinstance(books, Books):
            raise TypeError("the gateway answered something else")
        return books

    def close(self) -> None:
        """End the gateway."""
        self._pipe.close()


def _serve(gateway: Gateway, pipe: Connection) -> None:
    uvloop.run(_Server(gateway).serve(pipe))


class _Server:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._count: Count = _COUNTS[gateway.counting](gateway.quota)
        self._random = random.Random(1)  # noqa: S311 - the same faults in each run
        self._coming: list[tuple[float, int, bytes, asyncio.Transport]] = []
        self._going: list[tuple[float, int, bytes, asyncio.Transport]] = []
        self._number = 0
        self.books = Books()

    async def serve(self, pipe: Connection) -> None:
        """Answer until the other end of the pipe is closed."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Caller(self.arrive), "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        with suppress(EOFError):
            while True:
                await asyncio.sleep(_TICK_SECONDS)
                self._tick()
                if pipe.poll():
                    pipe.recv()
                    pipe.send(self.books)
        server.close()

    def arrive(self, frame: bytes, transport: asyncio.Transport) -> None:
        """Take in a call; it reaches the count after a random delay."""
        delay = self._random.expovariate(1 / self._gateway.jitter_seconds)
        self._number += 1
        heapq.heappush(self._coming, (time.time() + delay, self._number, frame, transport))

    def _tick(self) -> None:
        now = time.time()
        while self._coming and self._coming[0][0] <= now:
            at, number, frame, transport = heapq.heappop(self._coming)
            accepted = self._count.accepts(at)
            self._note(at, frame, accepted=accepted)
            answer = frame + (b"\1" if accepted else b"\0")
            heapq.heappush(self._going, (at + self._latency(accepted=accepted), number, answer, transport))
        while self._going and self._going[0][0] <= now:
            _, _, answer, transport = heapq.heappop(self._going)
            if not transport.is_closing():
                transport.write(answer)

    def _note(self, at: float, frame: bytes, *, accepted: bool) -> None:
        if accepted:
            self.books.accepted.append(at)
            self.books.accepted_of.append(FRAME.unpack(frame)[0])
        else:
            self.books.refused.append(at)

    def _latency(self, *, accepted: bool) -> float:
        if not accepted:
            return _REFUSED_SECONDS
        if self._random.random() < self._gateway.stalls:
            return self._gateway.stall_seconds
        return self._gateway.latency_seconds * self._random.lognormvariate(0, 0.35)


class _Caller(asyncio.Protocol):
    def __init__(self, arrive: Callable[[bytes, asyncio.Transport], None]) -> None:
        self._arrive = arrive
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep whom to answer."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP gives no other

    def data_received(self, data: bytes) -> None:
        """Take in whole frames."""
        data = self._rest + data
        whole = len(data) - len(data) % FRAME.size
        for start in range(0, whole, FRAME.size):
            self._arrive(data[start : start + FRAME.size], self._transport)
        self._rest = data[whole:]
