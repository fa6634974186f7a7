"""How many threads it takes to use the rate: calls that are under way at once (Little's law), and spare.

    threads = 1.5 x calls/s x seconds a pair takes + 2 x threads that are stuck in slow calls

A thread that waits for its permit is spare. While a third of them wait the rate is used up, by us or by the
other users of the account, and no more are started. Image bytes bound the number too.
"""

import math
import statistics
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from maskmatch.core.pacing import Clock

_REMEMBERED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimits:
    """Threads at least and at most, bytes for images of all of them, and copies of each image in a call.

    An image is held as raw bytes, as base64 text, in the body and in the buffers it is sent from.
    """

    fewest: int = 8
    most: int = 256
    surplus: float = 1.5
    image_bytes: int = 512 * 1024 * 1024
    copies: int = 5
    stuck_seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the threads are at: all, those waiting for a permit, those stuck in a call far slower than most.

    `seconds` is what a pair takes besides waiting for its permit, `image_bytes` the size of its images.
    """

    threads: int
    waiting: int
    stuck: int
    seconds: float
    image_bytes: float


def threads_wanted(seen: Seen, *, calls_per_second: float, limits: ConcurrencyLimits) -> int:
    """Return how many threads there should be by now; at most twice as many as there are."""
    most = threads_affordable(seen, limits)
    if seen.waiting > seen.threads / 3:
        return min(seen.threads, most)
    needed = limits.surplus * calls_per_second * seen.seconds if seen.seconds else 0.0
    needed = max(limits.fewest, needed) + 2 * seen.stuck
    return math.ceil(min(needed, most, max(2 * seen.threads, limits.fewest)))


def threads_affordable(seen: Seen, limits: ConcurrencyLimits) -> int:
    """Return how many threads the memory for images and the cap allow."""
    bytes_of_a_thread = limits.copies * max(1.0, seen.image_bytes)
    return max(1, min(limits.most, int(limits.image_bytes / bytes_of_a_thread)))


class Spell:
    """The time one thread spends on one pair."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.now()
        self._waits_since: float | None = None
        self._waited = 0.0
        self.image_bytes: int | None = None
        """Set when the pair is to be called; other spells say nothing about calls."""

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the thread as waiting for its permit, which is no work."""
        self._waits_since = since = self._clock.now()
        try:
            yield
        finally:
            self._waits_since = None
            self._waited += self._clock.now() - since

    @property
    def is_waiting(self) -> bool:
        """Say whether the thread waits for its permit."""
        return self._waits_since is not None

    @property
    def seconds(self) -> float:
        """Return the time so far, less waiting."""
        until = self._waits_since or self._clock.now()
        return until - self._started - self._waited


class Gauge:
    """Sees what the threads are at, and remembers the newest pairs."""

    def __init__(self, clock: Clock, limits: ConcurrencyLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._spells: set[Spell] = set()
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self._image_bytes: deque[int] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    @contextmanager
    def spell(self) -> Iterator[Spell]:
        """Watch one thread at one pair."""
        spell = Spell(self._clock)
        with self._lock:
            self._spells.add(spell)
        try:
            yield spell
        finally:
            with self._lock:
                self._spells.remove(spell)
                if spell.image_bytes is not None:
                    self._seconds.append(spell.seconds)
                    self._image_bytes.append(spell.image_bytes)

    def seen(self, threads: int) -> Seen:
        """Return what so many threads are at; while no pair is done the oldest tells how long one takes."""
        with self._lock:
            spells = list(self._spells)
            done = list(self._seconds)
            sizes = list(self._image_bytes) or [s.image_bytes for s in spells if s.image_bytes is not None]
        ages = [spell.seconds for spell in spells if not spell.is_waiting]
        seconds = statistics.median(done) if done else max(ages, default=0.0)
        slow = max(self._limits.stuck_seconds, 4 * seconds)
        return Seen(
            threads=threads,
            waiting=len(spells) - len(ages),
            stuck=sum(age > slow for age in ages),
            seconds=seconds,
            image_bytes=statistics.fmean(sizes) if sizes else 0.0,
        )
