"""How much the service manages: a slow day, on which it answers all calls, but each later than the last.

    --capacity NAME=VALUE[,VALUE]        queue=20   queue=20,25   shared=20   workers=10,5

    queue     one call at a time, so many a second; with a second number it refuses when so many wait
    shared    all calls at once, so many a second: alone a call takes some seconds, among many so much longer
    workers   so many calls at a time, each for some seconds

It does not notice that a caller has given up, and works on such calls as well. Times are drawn from a seed.
"""

import asyncio
import heapq
import math
import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Protocol

_SEED = 1
_GAMMA = 4
"""The shape of the time of a call in a queue: less even than clockwork, more than chance."""
_SIGMA, _WORKERS_SIGMA = 0.5, 0.05
"""Of the lognormal time of a call at a shared processor, and at a worker."""
_FORM = re.compile(r"(?P<name>[a-z]+)=(?P<values>[0-9.]+(,[0-9.]+)?)")


class CapacityName(StrEnum):
    """A way of being slow."""

    QUEUE = "queue"
    SHARED = "shared"
    WORKERS = "workers"


_SECOND = {CapacityName.QUEUE: math.inf, CapacityName.SHARED: 0.5, CapacityName.WORKERS: 5.0}
"""Of two numbers the second, when it is not given."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was asked for: a name and two numbers, see the head of this file."""

    name: CapacityName
    first: float
    second: float

    def __str__(self) -> str:
        """Return the form that `parse_capacity` reads."""
        second = "" if self.second == _SECOND[self.name] else f",{self.second:.12g}"
        return f"{self.name}={self.first:.12g}{second}"


def parse_capacity(text: str) -> Capacity:
    """Read NAME=VALUE[,VALUE]; raise ValueError saying what is wrong."""
    form = _FORM.fullmatch(text)
    if form is None or form["name"] not in list(CapacityName):
        names = ", ".join(CapacityName)
        raise ValueError(f"{text[:64]!r} is not a capacity: NAME=VALUE[,VALUE], NAME one of {names}")
    name = CapacityName(form["name"])
    values = [_number(word) for word in form["values"].split(",")]
    return Capacity(name, values[0], values[1] if len(values) > 1 else _SECOND[name])


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1e6:
        raise ValueError(f"{word[:32]!r} is not a number between 0.001 and 1000000")
    return number


class _Work(Protocol):
    """One way of being slow, which goes on while its numbers change."""

    capacity: Capacity

    @property
    def is_full(self) -> bool:
        """Return True if the next call is to be refused."""
        ...

    async def do(self) -> None:
        """Return when the work on a call is done."""
        ...

    def look(self) -> None:
        """See what can go on at other numbers."""
        ...


class Workload:
    """The work that calls wait for; none of it without a capacity."""

    def __init__(self, capacity: Capacity | None = None) -> None:
        self._work: _Work | None = None
        self.configure(capacity)

    @property
    def capacity(self) -> Capacity | None:
        """Return what is in force."""
        return self._work.capacity if self._work else None

    @property
    def is_full(self) -> bool:
        """Return True if the next call is to be refused."""
        return self._work is not None and self._work.is_full

    def configure(self, capacity: Capacity | None) -> None:
        """Replace it; calls that wait go on at new numbers of the same name, else as they were."""
        if self._work and capacity and self._work.capacity.name is capacity.name:
            self._work.capacity = capacity
            self._work.look()
        else:
            self._work = _WORKS[capacity.name](capacity) if capacity else None

    async def do(self) -> None:
        """Return when the work on a call is done."""
        if self._work:
            await self._work.do()


class _Queue:
    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._draw = random.Random(_SEED)  # noqa: S311 - the same times in each run
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._free_at = 0.0

    @property
    def is_full(self) -> bool:
        return self._waiting >= self.capacity.second

    async def do(self) -> None:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            seconds = self._draw.gammavariate(_GAMMA, 1 / _GAMMA) / self.capacity.first
            # On from where the one before should have ended: a late wake-up must not make it slower.
            self._free_at = max(self._free_at, monotonic() - seconds) + seconds
            await asyncio.sleep(self._free_at - monotonic())
        finally:
            self._turn.release()

    def look(self) -> None:
        """Go on when the present call is done."""


class _Workers:
    is_full = False

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._draw = random.Random(_SEED)  # noqa: S311 - the same times in each run
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._busy = 0

    async def do(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.look()
        try:
            await turn
            await asyncio.sleep(self.capacity.second * self._draw.lognormvariate(0, _WORKERS_SIGMA))
        finally:
            self._busy -= turn.done() and not turn.cancelled()
            self.look()

    def look(self) -> None:
        while self._waiting and self._busy < self.capacity.first:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)


class _Shared:
    is_full = False

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._draw = random.Random(_SEED)  # noqa: S311 - the same times in each run
        self._calls: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0
        self._done_by_each = self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def do(self) -> None:
        self._go_on()
        self._number += 1
        seconds = self.capacity.second * self._draw.lognormvariate(-(_SIGMA**2) / 2, _SIGMA)
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._calls, (self._done_by_each + seconds, self._number, done))
        self.look()
        await done

    def _speed(self) -> float:
        """Return the work on each call in a second."""
        return min(1.0, self.capacity.first * self.capacity.second / len(self._calls))

    def _go_on(self) -> None:
        now = monotonic()
        if self._calls:
            self._done_by_each += (now - self._since) * self._speed()
        self._since = now

    def look(self) -> None:
        self._go_on()
        while self._calls and self._calls[0][0] <= self._done_by_each + 1e-6:
            done = heapq.heappop(self._calls)[2]
            if not done.done():
                done.set_result(None)
        if self._timer:
            self._timer.cancel()
        if self._calls:
            seconds = (self._calls[0][0] - self._done_by_each) / self._speed()
            self._timer = asyncio.get_running_loop().call_later(min(seconds, 0.1), self.look)


_WORKS: dict[CapacityName, Callable[[Capacity], _Work]] = {
    CapacityName.QUEUE: _Queue,
    CapacityName.SHARED: _Shared,
    CapacityName.WORKERS: _Workers,
}
