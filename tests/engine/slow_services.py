"""Simulated services that are slower than the rate, in the ways in which services are.

    Quick            every call takes its time, however many there are
    SerialQueue      one call at a time, in the order in which they came; it may refuse what is too much
    SharedProcessor  all calls at once, the slower the more there are
    WorkerPool       so many at a time, each for a fixed time, the others in a queue

None notices that a client has given up: it works on dead calls in vain, which is the worst case. Calls take a
lognormal time; a few answers stall for 5 s when the work is done, and so keep no worker busy.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.engine.turns import Turns

_JITTER_SECONDS = 0.003
_POOL_SIGMA = 0.05
_GAMMA = 4.0
"""The shape of the work of a serial queue: less even than clockwork, more than chance."""

Steps = Sequence[tuple[float, float]]
"""What holds from which second on."""


def at(steps: Steps, now: float) -> float:
    """Return what holds now."""
    return [value for since, value in steps if since <= now][-1]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long calls take: the mean by time, how much it varies, and the share that stalls for 5 s."""

    means: Steps = ((0, 0.5),)
    sigma: float = 0.5
    stalls: float = 0.02
    stall_seconds: float = 5.0

    def drawn(self, draw: random.Random, now: float) -> float:
        """Draw the time of a call."""
        return at(self.means, now) * math.exp(draw.gauss(0, self.sigma) - self.sigma**2 / 2)

    def late(self, draw: random.Random) -> float:
        """Draw how much later than its work an answer arrives."""
        stall = self.stall_seconds if draw.random() < self.stalls else 0.0
        return draw.expovariate(1 / _JITTER_SECONDS) + stall


class Service(Protocol):
    """A service, as whoever sends a call to it sees it."""

    def arrive(self, answer: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Take a call; one of both is called when the caller has heard of it."""
        ...


class _Base:
    def __init__(self, turns: Turns, seed: int, latency: Latency) -> None:
        self._turns = turns
        self._draw = random.Random(7919 * seed + 13)
        self._latency = latency

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        self._turns.at(self._turns.now + seconds, action)

    def _time(self) -> float:
        return self._latency.drawn(self._draw, self._turns.now)

    def _late(self) -> float:
        return self._latency.late(self._draw)


class Quick(_Base):
    """Has room for any number of calls; until it is warm it is silent."""

    def __init__(self, turns: Turns, seed: int, latency: Latency, *, warm_at: float = 0.0) -> None:
        super().__init__(turns, seed, latency)
        self._warm_at = warm_at

    def arrive(self, answer: Callable[[], None], refuse: Callable[[], None]) -> None:
        done = max(self._time(), self._warm_at - self._turns.now)
        self._in(done + self._late(), answer)


class SerialQueue(_Base):
    """Works on one call at a time, at so many a second; refuses above `most_waiting`."""

    def __init__(
        self, turns: Turns, seed: int, latency: Latency, capacity: Steps, *, most_waiting: float = math.inf
    ) -> None:
        super().__init__(turns, seed, latency)
        self._capacity, self._most_waiting = capacity, most_waiting
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_busy = False

    def arrive(self, answer: Callable[[], None], refuse: Callable[[], None]) -> None:
        if len(self._waiting) >= self._most_waiting:
            return self._in(self._draw.expovariate(1 / _JITTER_SECONDS), refuse)
        self._waiting.append(answer)
        return None if self._is_busy else self._next()

    def _next(self) -> None:
        self._is_busy = bool(self._waiting)
        if not self._is_busy:
            return
        per_second = at(self._capacity, self._turns.now)
        if per_second <= 0:
            self._in(0.1, self._next)
            return
        answer = self._waiting.popleft()
        self._in(self._draw.gammavariate(_GAMMA, 1 / _GAMMA) / per_second, lambda: self._done(answer))

    def _done(self, answer: Callable[[], None]) -> None:
        self._in(self._time() + self._late(), answer)
        self._next()


class SharedProcessor(_Base):
    """Works on all calls at once: alone a call takes its time, among many so much longer."""

    def __init__(self, turns: Turns, seed: int, latency: Latency, capacity: Steps) -> None:
        super().__init__(turns, seed, latency)
        self._capacity = capacity
        self._work: list[tuple[float, int, Callable[[], None]]] = []
        self._done_by_each = self._since = 0.0
        self._speed, self._number, self._plan = 1.0, 0, 0
        for since, _ in capacity[1:]:
            turns.at(since, self._look)

    def arrive(self, answer: Callable[[], None], refuse: Callable[[], None]) -> None:
        self._go_on()
        self._number += 1
        heapq.heappush(self._work, (self._done_by_each + self._time(), self._number, answer))
        self._look()

    def _go_on(self) -> None:
        if self._work:
            self._done_by_each += (self._turns.now - self._since) * self._speed
        self._since = self._turns.now

    def _look(self) -> None:
        self._go_on()
        self._plan += 1
        plan = self._plan
        if not self._work:
            return
        now = self._turns.now
        mean = at(self._latency.means, now)
        self._speed = min(1.0, at(self._capacity, now) * mean / len(self._work))
        ahead = max(0.0, self._work[0][0] - self._done_by_each) / self._speed
        self._in(ahead, lambda: self._finish(plan))

    def _finish(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._go_on()
        while self._work and self._work[0][0] <= self._done_by_each + 1e-9:
            self._in(self._late(), heapq.heappop(self._work)[2])
        self._look()


class WorkerPool(_Base):
    """So many workers, each busy with a call for `seconds`; with 0 seconds there is plenty of them."""

    def __init__(
        self, turns: Turns, seed: int, latency: Latency, steps: Sequence[tuple[float, int, float]]
    ) -> None:
        super().__init__(turns, seed, latency)
        self._workers: Steps = [(since, workers) for since, workers, _ in steps]
        self._seconds: Steps = [(since, seconds) for since, _, seconds in steps]
        self._waiting: deque[Callable[[], None]] = deque()
        self._busy = 0
        for since, _, _ in steps[1:]:
            turns.at(since, self._take)

    def arrive(self, answer: Callable[[], None], refuse: Callable[[], None]) -> None:
        self._waiting.append(answer)
        self._take()

    def _take(self) -> None:
        now = self._turns.now
        seconds = at(self._seconds, now)
        while self._waiting and self._busy < at(self._workers, now):
            self._busy += 1
            answer = self._waiting.popleft()
            busy = seconds * math.exp(self._draw.gauss(0, _POOL_SIGMA)) if seconds else self._time()
            self._in(busy, lambda answer=answer: self._done(answer))  # type: ignore[misc]

    def _done(self, answer: Callable[[], None]) -> None:
        self._busy -= 1
        self._in(self._late(), answer)
        self._take()
