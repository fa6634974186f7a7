"""What comparing needs from the world, as small protocols, and the limits it keeps."""

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from maskmatch.core.breaker import BreakerLimits
from maskmatch.core.concurrency import ConcurrencyLimits
from maskmatch.core.images import Picture
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pacing import Clock
from maskmatch.core.permits.claims import ThrottleScope
from maskmatch.core.progress import Progress
from maskmatch.core.retries import RetryLimits
from maskmatch.core.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor says of one pair: a score from 0 to 100."""

    score: float
    model_version: str | None
    request_id: str | None


class Comparer(Protocol):
    """Makes one paid call."""

    def compare(
        self, reference: Picture, probe: Picture, *, quality_control: int, send_by: float = math.inf
    ) -> Answer:
        """Return the vendor's answer; raise CallFailed for anything else.

        Raise SlotMissed, and send nothing, when the clock shows more than `send_by` before the first byte.
        """
        ...

    def refresh(self) -> bool:
        """Take a newer credential for the next calls; say whether there is one."""
        ...


class Images(Protocol):
    """Fetches images."""

    def load(self, image_id: str) -> Picture:
        """Return the image; raise ImageUnusable if it cannot be sent, Unavailable if the store is away."""
        ...


class Permits(Protocol):
    """Says when a call may be sent; a permit may be used up by one call alone."""

    def wait_for_permit(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent now; raise what keeps it from ever being so."""
        ...

    def unbilled(self) -> None:
        """Give back the budget of a permit whose call is known not to be billed."""
        ...

    def throttled(self, scope: ThrottleScope) -> None:
        """Tell that the gateway refused a call for its rate."""
        ...


class Journal(Protocol):
    """Keeps what was paid for; both raise what kept earlier outcomes from being durable."""

    def record(self, outcome: Outcome) -> None:
        """Keep it; return at once unless too much is not yet durable."""
        ...

    def record_durably(self, outcome: Outcome) -> None:
        """Return when it is durable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All that `compare_pairs` needs.

    `calls_in_flight` None finds out what the rate takes; after a stop, calls under way may take
    `drain_seconds` more.
    """

    images: Images
    comparer: Comparer
    pacer: Permits
    journal: Journal
    progress: Progress
    clock: Clock
    calls_per_second: float
    calls_in_flight: int | None = None
    concurrency: ConcurrencyLimits = field(default_factory=ConcurrencyLimits)
    limits: RetryLimits = field(default_factory=RetryLimits)
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
    verdicts: Verdicts = field(default_factory=Verdicts)
    stop: threading.Event = field(default_factory=threading.Event)
    drain_seconds: float = 4.0
    warn: Callable[[str], None] = logging.getLogger("maskmatch.comparing").warning
    jitter: Callable[[], float] = random.random
