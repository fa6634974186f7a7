"""Ask the coordinator, and wait as it says; while the permit store is away, wait for it and say so."""

import random
import threading
from collections.abc import Callable
from typing import Protocol

from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import Interrupted, Unavailable
from maskmatch.core.outage import Outage
from maskmatch.core.waits import Waits
from maskmatch.permits.steps.claims import Claim, Grant
from maskmatch.permits.steps.orders import Order, pause_in_words

_TURN_SECONDS, _MOST_TURN_SECONDS = 0.03, 0.05
"""Between two questions, so that others have theirs: a third of what is held, and half of it at most."""


class PermitSource(Protocol):
    """What the callers of one process need of a coordinator."""

    def reserve(self, calls: int, claim: Claim, *, unbilled: int = 0) -> Grant:
        """Book slots for at most so many calls, after giving back `unbilled` ones."""
        ...

    def refund(self, calls: int, claim: Claim) -> None:
        """Give back the budget of calls that were not billed or not made."""
        ...

    def throttled(self, scope: ThrottleScope) -> None:
        """Record that the gateway refused a call for its rate."""
        ...

    def pause_order(self, run_id: str) -> Order | None:
        """Return the newest order to pause a run; raise Unavailable."""
        ...


class Waiter(Protocol):
    """The part of a clock that asking needs."""

    def now(self) -> float:
        """Return seconds that never jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Wait, at most until the event is set."""
        ...


class Asking:
    """Asks on behalf of one claim; used by one thread at a time."""

    def __init__(
        self,
        coordinator: PermitSource,
        claim: Claim,
        *,
        clock: Waiter,
        say: Callable[[str], None],
        patience_seconds: float,
        waits: Waits | None = None,
    ) -> None:
        self._coordinator = coordinator
        self.claim = claim
        self._clock = clock
        self._say = say
        self.paused: str | None = None
        self._outage = Outage(
            now=clock.now, say=say, patience_seconds=patience_seconds, waits=waits, what="the permit store"
        )
        self._trip_seconds = 0.0
        self._next_at = 0.0
        self.processes = 1

    def give_way(self, stop: threading.Event | None) -> None:
        """Wait a moment after the last booking, lest a caller that asks again at once always wins.

        The moment is one to two trips to the store, and while slots are booked ahead 30 ms: others
        that have just lost have their turn in it.
        """
        ahead = self._next_at - self._clock.now()
        if ahead > 0:
            self._wait(ahead, stop)

    def ask(self, calls: int, *, unbilled: int, stop: threading.Event | None) -> list[float]:
        """Return the times of the slots granted on the clock; none after a wait: ask again.

        Raise what `reserve` raises, but Unavailable only after `patience_seconds`, and Interrupted.
        """
        asked_at = self._clock.now()
        try:
            grant = self._coordinator.reserve(calls, self.claim, unbilled=unbilled)
        except Unavailable as error:
            self._wait(self._pause_after(error), stop)
            return []
        self.processes = grant.processes
        now = self._clock.now()
        self._note_trip(asked_at, now, ahead=max(grant.delays, default=0.0))
        self._outage.note_success("the permit store is back")
        self._note_paused(paused=grant.paused)
        if grant.retry_after is not None:
            self._wait(grant.retry_after, stop)
        return [now + delay for delay in grant.delays]

    def _note_trip(self, asked_at: float, now: float, *, ahead: float) -> None:
        # A booking that others got before took several trips; the quickest of late is the nearest to one.
        self._trip_seconds = min(now - asked_at, 1.5 * self._trip_seconds + 0.001)
        turn = self._trip_seconds * random.uniform(1, 2)  # noqa: S311 - no secret depends on it
        self._next_at = now + max(min(_TURN_SECONDS, ahead), min(turn, _MOST_TURN_SECONDS))

    def _pause_after(self, error: Unavailable) -> float:
        """Return how long to wait for a store that is away; raise when that has been for too long."""
        if self._outage.has_lasted_too_long:
            raise Unavailable(f"no permits for {self._outage.seconds:.0f} s: {error}") from error
        return self._outage.note_failure(
            f"no call is sent while the permit store is away, we keep asking: {error}"
        )

    def _note_paused(self, *, paused: bool) -> None:
        if paused and self.paused is None:
            self.paused = self._who_paused()
            self._say(self.paused)
        elif not paused and self.paused is not None:
            self.paused = None
            self._say("resumed through the permit store")

    def _who_paused(self) -> str:
        run_id = self.claim.run_id
        try:
            return pause_in_words(self._coordinator.pause_order(run_id), run_id)
        except Unavailable:  # it is paused all the same
            return pause_in_words(None, run_id)

    def _wait(self, seconds: float, stop: threading.Event | None) -> None:
        if stop is None:
            self._clock.sleep(seconds)
            return
        self._clock.wait(stop, seconds)
        if stop.is_set():
            raise Interrupted("asked to stop while waiting for a permit")
