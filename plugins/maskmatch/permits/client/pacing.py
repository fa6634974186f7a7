"""Slots of the shared timeline for one process: booked in short runs, used one by one.

    calls are ready ──book──> coordinator ──slots──> each is passed when it has come ──> call
                                                   └ far too late: thrown away

Only for calls that are ready, and at most 0.1 s of the rate: a killed process takes no more with it.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from maskmatch.core.clock import Clock
from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import BudgetSpent, Interrupted, StopRun, Unavailable
from maskmatch.core.outage import PATIENCE_SECONDS
from maskmatch.core.waits import Waits
from maskmatch.permits.client.asking import Asking, PermitSource
from maskmatch.permits.steps.claims import Claim

RUN_SECONDS = 0.1
"""A process holds at most this much of the timeline."""
_MOST_SLOTS = 1000
"""In one booking, also where the rate is no limit."""
_LOOK_SECONDS = 0.05
"""How often one that waits for a slot looks whether it is to stop."""
LATE_SECONDS = 0.25
"""A slot may be used this late: whoever is stopped and goes on much later has to ask again."""
_FORGOTTEN_SECONDS = 60.0
"""A slot later than this may belong to a day that has ended: it stays counted as spent."""


def _quiet(_: str) -> None:
    pass


class Pacer:
    """Books the slots of one process; one thread books, another passes."""

    def __init__(
        self,
        coordinator: PermitSource,
        claim: Claim,
        *,
        calls_per_second: float,
        clock: Clock,
        say: Callable[[str], None] = _quiet,
        patience_seconds: float = PATIENCE_SECONDS,
        waits: Waits | None = None,
    ) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._asking = Asking(
            coordinator,
            claim,
            clock=clock,
            say=say,
            patience_seconds=patience_seconds,
            waits=waits,
        )
        self._longest_run = max(1, int(min(calls_per_second * RUN_SECONDS, _MOST_SLOTS)))
        self._lock = threading.Lock()
        self._some_passed = threading.Condition(self._lock)
        self._held = 0  # slots that were booked and have not passed
        self._unbilled = 0
        self._refused: deque[ThrottleScope] = deque()

    @property
    def processes(self) -> int:
        """Return how many processes share the rate, as of the last answer."""
        return self._asking.processes

    @property
    def claim(self) -> Claim:
        """Return the claim, with the leases that are held now."""
        with self._lock:
            return self._asking.claim

    @property
    def paused(self) -> str | None:
        """Return who has paused the run and how it goes on, None while it may go on."""
        return self._asking.paused

    def hold(self, shard: str, epoch: int) -> None:
        """Book from now on only while nobody has taken over the lease of a shard."""
        with self._lock:
            claim = self._asking.claim
            self._asking.claim = replace(claim, leases={**claim.leases, shard: epoch})

    def let_go(self, shard: str) -> bool:
        """Book from now on whoever has the lease of a shard; return True if no other is held."""
        with self._lock:
            claim = self._asking.claim
            others = {name: epoch for name, epoch in claim.leases.items() if name != shard}
            self._asking.claim = replace(claim, leases=others)
            return not others

    def book(self, calls: Callable[[], int], stop: threading.Event | None = None) -> list[float]:
        """Return the times of slots for at most so many calls, once there are any; none if no call wants one.

        Raise Interrupted when `stop` is set before, Replaced, BudgetSpent or Drained as the coordinator says,
        Unavailable when its store has been away for longer than `patience_seconds`.
        """
        slots: list[float] = []
        while not slots:
            self._wait_until_held(self._longest_run // 2, stop)
            self._asking.give_way(stop)
            self._tell_refused()
            with self._lock:
                if (wanted := min(calls(), self._longest_run - self._held)) < 1:
                    break
                # What is given back counts as given back even if the answer is lost: never twice.
                unbilled, self._unbilled = self._unbilled, 0
            try:
                slots = self._asking.ask(wanted, unbilled=unbilled, stop=stop)
            except BudgetSpent:
                with suppress(Interrupted):
                    self._wait_until_held(0, stop)  # those are paid for: let them pass
                raise
            with self._lock:
                self._held += len(slots)
        return slots

    def passed(self, slot: float, *, used: bool) -> bool:
        """Note that a slot has come, or is not needed; return True if it may still be used."""
        late = self._clock.now() - slot
        in_time = late <= LATE_SECONDS
        with self._lock:
            self._held -= 1
            if 2 * self._held <= self._longest_run:
                self._some_passed.notify()
            if late <= _FORGOTTEN_SECONDS and not (in_time and used):
                self._unbilled += 1
        return in_time

    def wait_for_permit(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent now, for callers that make one at a time; raise as `book` does."""
        while True:
            for slot in self.book(lambda: 1, stop):
                if (ahead := slot - self._clock.now()) > 0:
                    self._sleep(ahead, stop)
                is_wanted = not (stop and stop.is_set())
                if self.passed(slot, used=is_wanted) and is_wanted:
                    return

    def unbilled(self) -> None:
        """Give back the budget of a permit whose call was not sent or is known not to be billed."""
        with self._lock:
            self._unbilled += 1

    def throttled(self, scope: ThrottleScope = ThrottleScope.ACCOUNT) -> None:
        """Note that the gateway refused a call for its rate; who books tells the coordinator."""
        self._refused.append(scope)

    def close(self) -> None:
        """Report what is not reported yet; while the store is away the budget of unused permits is lost."""
        self._tell_refused()
        with self._lock:
            calls, self._unbilled = self._unbilled, 0
        if calls:
            with suppress(Unavailable, StopRun):
                self._coordinator.refund(calls, self._asking.claim)

    def _tell_refused(self) -> None:
        """Pass on the refusals; a store that is away need not know."""
        with suppress(Unavailable):
            while self._refused:
                self._coordinator.throttled(self._refused.popleft())

    def _wait_until_held(self, most: int, stop: threading.Event | None) -> None:
        with self._lock:
            while self._held > most:
                _raise_if_set(stop)
                self._some_passed.wait(_LOOK_SECONDS)
        _raise_if_set(stop)

    def _sleep(self, seconds: float, stop: threading.Event | None) -> None:
        if stop:
            self._clock.wait(stop, seconds)
        else:
            self._clock.sleep(seconds)


def _raise_if_set(stop: threading.Event | None) -> None:
    if stop and stop.is_set():
        raise Interrupted("asked to stop while waiting for a permit")
