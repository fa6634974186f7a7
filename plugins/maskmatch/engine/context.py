"""What comparing needs from the world, as small protocols, and the limits it keeps."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import uvloop

from maskmatch.core.clock import Clock
from maskmatch.core.codes import ThrottleScope
from maskmatch.core.image_rules import Picture
from maskmatch.core.outcomes import Answer, Outcome
from maskmatch.core.pairs import Pair
from maskmatch.core.waits import Waits
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.breaker import BreakerLimits
from maskmatch.engine.memory import MemoryLimits
from maskmatch.engine.model_versions import ModelVersions
from maskmatch.engine.progress import Progress
from maskmatch.engine.work import KnownAnswer, RetryLimits


class Call(Protocol):
    """One paid call."""

    @property
    def seconds(self) -> float:
        """Return the time from its first byte to the end of its answer."""
        ...

    @property
    def bytes_sent(self) -> int:
        """Return how many bytes of the request have left."""
        ...


C = TypeVar("C", bound=Call)


class CompareClient(Protocol[C]):
    """Makes paid calls: prepared in worker threads, sent and received on the loop."""

    def attach(self) -> None:
        """Use the running loop from now on."""
        ...

    def watch(self, *, watched: bool) -> None:
        """Let the loop wake for each answer, or only take them in when `take_in` is called."""
        ...

    def take_in(self) -> None:
        """Take in the answers that have come, and end the calls that have passed their time limit."""
        ...

    def prepare(self, reference: Picture, probe: Picture, *, quality_control: int) -> C:
        """Return a call that only has to be sent; raise CallFailed when the service cannot be reached.

        Raise StopRun when nothing but a person's change can make it reachable.
        """
        ...

    def is_stale(self, call: C) -> bool:
        """Return True if a call was prepared too long ago to be started."""
        ...

    def give_up(self, call: C) -> None:
        """Let go of a call that was not started."""
        ...

    def start(self, call: C, *, send_by: float, on_end: Callable[[C], None]) -> None:
        """Begin to send a call; `on_end` is called on the loop when it has ended.

        Raise SlotMissed, and send nothing, when the clock shows more than `send_by`, or for a stale call.
        """
        ...

    def answer(self, call: C) -> Answer:
        """Return what the vendor answered to an ended call; raise CallFailed for anything but a score."""
        ...

    def answered_by(self, call: C) -> str | None:
        """Return who answered an ended call; None when no answer came whole."""
        ...

    def refresh(self) -> bool:
        """Take a newer credential for the next calls; return True if there is one. It may block."""
        ...


class Images(Protocol):
    """Fetches images."""

    def load(self, image_id: str) -> Picture:
        """Return the image; raise ImageUnusable if it cannot be sent, Unavailable if the store is away.

        It may block, and is called from several threads.
        """
        ...


class Answers(Protocol):
    """Finds what earlier runs paid for."""

    def find(self, comparison: bytes) -> KnownAnswer | None:
        """Return the answer to a comparison, if there is one.

        It may read a file, and is called from several threads.
        """
        ...

    def find_gone(self, comparison: bytes) -> KnownAnswer | None:
        """Return the answer to a comparison of ids of which an image is no longer there, if there is one."""
        ...


class NoAnswers:
    """What is at hand where nothing is to be taken over."""

    def find(self, comparison: bytes) -> KnownAnswer | None:
        """Return None."""
        del comparison
        return None

    find_gone = find


class Permits(Protocol):
    """Says when calls may be sent; each slot is good for one call."""

    @property
    def processes(self) -> int:
        """Return how many processes share the rate, this one among them."""
        ...

    @property
    def paused(self) -> str | None:
        """Return who has paused the run and how it goes on, None while it may go on."""
        ...

    def book(self, calls: Callable[[], int], stop: threading.Event | None = None) -> Sequence[float]:
        """Return the times (of the clock) of slots for at most so many calls as are wanted by then.

        It may block. Raise what keeps calls from ever being sent.
        """
        ...

    def passed(self, slot: float, *, used: bool) -> bool:
        """Record that a slot has come; return True if it may still be used."""
        ...

    def unbilled(self) -> None:
        """Give back the budget of a permit whose call is known not to be billed."""
        ...

    def throttled(self, scope: ThrottleScope) -> None:
        """Record that the gateway refused a call for its rate."""
        ...


class Journal(Protocol):
    """Keeps what was paid for; waiting raises what keeps earlier outcomes from being durable."""

    @property
    def is_full(self) -> bool:
        """Return True if nothing more should be paid for until more is durable."""
        ...

    def enter(self, outcome: Outcome) -> None:
        """Keep an outcome, at once; raise when another try has taken over, or nothing is kept any more."""
        ...

    def wait_for_room(self) -> None:
        """Return when it is not full any more."""
        ...

    def flush(self) -> None:
        """Return when all that was entered is durable."""
        ...


def _ignore(_: Pair) -> None:
    pass


def _is_not_kept(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareContext(Generic[C]):
    """All that `compare_pairs` needs.

    `calls_in_flight` is how many may be in flight at most, each for `call_timeout` seconds; None leaves it to
    the rate and the service. After a stop, they may take `drain_seconds` more: Airflow kills after 5 s.
    `on_done` is called on the loop with each pair whose outcome is in the journal, `forget` with each image
    that the vendor could not fetch: it returns True if the image is then looked at anew. `answers` are at
    hand; with `trust_tags` an image is known by its MD5 or a tag that is one, else by its SHA-256 alone.
    """

    images: Images
    client: CompareClient[C]
    permits: Permits
    journal: Journal
    progress: Progress
    clock: Clock
    calls_per_second: float
    calls_in_flight: int | None = None
    call_timeout: float = 10.0
    memory: MemoryLimits = field(default_factory=MemoryLimits)
    limits: RetryLimits = field(default_factory=RetryLimits)
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
    forget: Callable[[str], bool] = _is_not_kept
    answers: Answers = field(default_factory=NoAnswers)
    trust_tags: bool = True
    model_versions: ModelVersions = field(default_factory=ModelVersions)
    bad_images: BadImageIndex = field(default_factory=BadImageIndex)
    waits: Waits | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    drain_seconds: float = 4.0
    on_done: Callable[[Pair], None] = _ignore
    warn: Callable[[str], None] = logging.getLogger("maskmatch.engine").warning
    jitter: Callable[[], float] = random.random
    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
