"""What comparing needs from the world: four small protocols, and the limits of one pair."""

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
    model_version: str
    request_id: str


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


def _ignore(_: Outcome) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All that one run of `compare_pairs` needs; the run ends with `stop` set."""

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
