"""What comparing needs from the world: four small protocols, and the limits of one pair."""

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from maskmatch.core.images import Picture
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pacing import Clock, Pacer


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor says of one pair: a score from 0 to 100."""

    score: float
    model_version: str | None
    request_id: str | None


class Comparer(Protocol):
    """Makes one paid call."""

    def compare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Answer:
        """Return the vendor's answer; raise CallFailed for anything else."""
        ...


class Images(Protocol):
    """Fetches images."""

    def load(self, image_id: str) -> Picture:
        """Return the image; raise ImageUnusable if it cannot be sent, Unavailable if the store is away."""
        ...


class Journal(Protocol):
    """Keeps what was paid for."""

    def record(self, outcome: Outcome) -> None:
        """Return when the outcome is durable."""
        ...


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long one pair is tried: the code table bounds the calls, this bounds time (seconds) and pauses."""

    seconds: float = 300.0
    first_pause: float = 0.25
    longest_pause: float = 8.0


def calls_in_flight_for(calls_per_second: float) -> int:
    """Return how many calls must be under way to use a rate (Little's law), within what threads can do.

    A call takes up to 1 s, its images and its journal entry about half a second more.
    """
    return max(8, min(128, math.ceil(1.5 * calls_per_second)))


def _ignore(_: Outcome) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All that `compare_pairs` needs."""

    images: Images
    comparer: Comparer
    pacer: Pacer
    journal: Journal
    clock: Clock
    calls_in_flight: int = 32
    limits: RetryLimits = RetryLimits()
    stop: threading.Event = field(default_factory=threading.Event)
    on_outcome: Callable[[Outcome], None] = _ignore
    jitter: Callable[[], float] = random.random
