"""No call is sent while the service is down: most of the last calls failed, so pause, then try with one.

    closed ──half of the last calls failed──> open ──5 s, doubling to 60 s──> one call as a probe
       ^     or five were lost in silence       ^───────it failed too───────────────┤
       └────────────────────────it was answered─────────────────────────────────────┘

Answers about the pair, the account or the rate show that the service is there; only failures of the vendor
or of the network count. A call is lost when it may have been billed and brought nothing; a slow service may
lose several in a row as well, but answers others meanwhile. After eight failed probes in a row, or when
nothing was ever reached, the run ends.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from maskmatch.core.clock import Clock
from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, Unavailable
from maskmatch.core.outcomes import FailureClass
from maskmatch.core.waits import Waits

SERVICE = "the service"
"""What waits are for while it is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When to open, for how long, and when to give up.

    It opens for a share of the newest calls, at least `least_calls`, and for so many `lost_in_a_row` when
    nothing was answered for `silent_seconds`: a few calls in flight may never be `least_calls` in a window.
    Twenty calls tell one failure in two from bad luck; five in a row, where nothing else is answered for as
    long as the vendor's own limit, a dead service from a slow one. Eight probes with doubling pauses are five
    minutes: a restart is over by then, and a task that is tried again begins with a new patience.
    """

    least_calls: int = 20
    most_calls: int = 100
    window_seconds: float = 60.0
    share: float = 0.5
    lost_in_a_row: int = 5
    silent_seconds: float = 5.0
    first_pause: float = 5.0
    longest_pause: float = 60.0
    probes: int = 8


def is_outage(failure: CallFailed) -> bool:
    """Return True if a failure speaks of the service or the network, and not of the pair, account or rate."""
    rule = failure.rule
    return rule.failure_class is FailureClass.INFRASTRUCTURE and rule.action is not Action.THROTTLE


def _is_lost(failure: CallFailed) -> bool:
    return failure.rule.billed is Billed.UNKNOWN and not failure.never_sent


class Breaker:
    """Admits calls while the service answers.

    A ticket names the spell in which a call was admitted: what comes back from an earlier spell says nothing
    about now.
    """

    def __init__(
        self,
        limits: BreakerLimits,
        *,
        clock: Clock,
        say: Callable[[str], None],
        on_back: Callable[[], None] = lambda: None,
        waits: Waits | None = None,
    ) -> None:
        self._waits = waits
        self._limits = limits
        self._on_back = on_back
        self._clock = clock
        self._say = say
        self._newest: deque[tuple[float, CallFailed | None]] = deque(maxlen=limits.most_calls)
        self._ticket = 0
        self._answered_at = -math.inf
        self._probe_at = -math.inf
        self._is_open = self._is_probing = self._was_answered = False
        self._failed_probes = 0

    @property
    def allowed_calls(self) -> float:
        """Return how many calls may be sent now: any number, one as a probe, or none."""
        if not self._is_open:
            return math.inf
        return 1 if self._may_probe() else 0

    def admit(self) -> int | None:
        """Return a ticket if a call may be made now, else None; whoever gets one makes the call."""
        if self._is_open:
            if not self._may_probe():
                return None
            self._is_probing = True
        return self._ticket

    def abandoned(self, ticket: int) -> None:
        """Note that an admitted call was not made after all."""
        if ticket == self._ticket:
            self._is_probing = False

    def answered(self, ticket: int) -> None:
        """Note that the service answered a call."""
        self._was_answered = True
        self._answered_at = self._clock.now()
        if ticket != self._ticket:
            return
        if self._is_open:
            self._say("the service answers again: going on")
            self._is_open = self._is_probing = False
            self._failed_probes = 0
            self._newest.clear()
            self._on_back()
            if self._waits:
                self._waits.is_over(SERVICE)
        self._newest.append((self._clock.now(), None))

    def failed(self, ticket: int, failure: CallFailed) -> None:
        """Note that a call came to nothing; raise Unavailable when going on is of no use."""
        if ticket != self._ticket:
            return
        if self._is_open:
            self._failed_probes += 1
            if self._failed_probes >= self._limits.probes:
                raise self._unavailable(failure)
            self._open(failure)
            return
        self._newest.append((self._clock.now(), failure))
        if self._most_failed() or self._all_were_lost():
            if self._nothing_was_reached():
                raise self._unavailable(failure)
            self._open(failure)

    def most_fail_now(self) -> bool:
        """Return True if most calls fail now, however few they are."""
        calls, failures = self._counts()
        return self._is_open or failures >= self._limits.share * calls

    def _may_probe(self) -> bool:
        return not self._is_probing and self._clock.now() >= self._probe_at

    def _counts(self) -> tuple[int, int]:
        since = self._clock.now() - self._limits.window_seconds
        recent = [failure for time, failure in self._newest if time >= since]
        return len(recent), len(recent) - recent.count(None)

    def _most_failed(self) -> bool:
        calls, failures = self._counts()
        return calls >= self._limits.least_calls and failures >= self._limits.share * calls

    def _all_were_lost(self) -> bool:
        newest = itertools.islice(reversed(self._newest), self._limits.lost_in_a_row)
        lost = [failure for _, failure in newest if failure and _is_lost(failure)]
        is_silent = self._clock.now() - self._answered_at >= self._limits.silent_seconds
        return is_silent and len(lost) == self._limits.lost_in_a_row

    def _nothing_was_reached(self) -> bool:
        return not self._was_answered and all(failure and failure.never_sent for _, failure in self._newest)

    def _open(self, failure: CallFailed) -> None:
        pause = min(self._limits.longest_pause, self._limits.first_pause * 2**self._failed_probes)
        self._is_open, self._is_probing = True, False
        self._ticket += 1
        self._probe_at = self._clock.now() + pause
        if self._waits:
            self._waits.goes_on(SERVICE, str(failure))
        self._say(f"the service is down: no call for {pause:.0f} s, then one to try ({failure})")

    def _unavailable(self, failure: CallFailed) -> Unavailable:
        tried = (
            f"{self._failed_probes} probes" if self._failed_probes else f"all of {len(self._newest)} calls"
        )
        return Unavailable(
            f"{failure.rule.meaning} {tried} came to nothing, the last with {failure}: "
            "look at the network and the vendor's status page, then run again; what is done is kept"
        )
