"""The threads of one process pass one by one, each at the slot that was booked for it.

    thread ──> no slot left? one thread books for all that wait ──> sleep until the slot ──> call
                                                                        └ far too late: thrown away

Only threads that wait are booked for, and at most 0.1 s of the rate: a killed process takes no more with it.
Where slots come all at once, the rate is no limit: then some are booked for the threads that come next, too.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

from maskmatch.core.errors import BudgetSpent, Interrupted, Unavailable
from maskmatch.core.permits.asking import Asking, PermitSource
from maskmatch.core.permits.claims import Claim, ThrottleScope

RUN_SECONDS = 0.1
"""A process holds at most this much of the timeline."""
_MOST_SLOTS = 1000
_LATE_SECONDS = 0.25
_AT_ONCE_SECONDS, _MOST_SPARE = 0.001, 16
_FORGOTTEN_SECONDS = 60.0
"""A slot later than this may belong to a day that has ended: it stays counted as spent."""


class Clock(Protocol):
    """Time as the core sees it; tests pass one that they move by hand."""

    def now(self) -> float:
        """Return seconds of a clock that all processes of the host share and that never jumps."""
        ...

    def utc(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let the calling thread wait."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Let the calling thread wait, at most until the event is set."""
        ...


class SystemClock:
    """The real clock: CLOCK_MONOTONIC is one for all processes of a host."""

    def now(self) -> float:
        """Return the seconds since this host started."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Wait for the event."""
        event.wait(seconds)


def _quiet(_: str) -> None:
    pass


class Pacer:
    """Lets the threads of one process pass one by one, each at its booked slot."""

    def __init__(
        self,
        broker: PermitSource,
        claim: Claim,
        *,
        calls_per_second: float,
        clock: Clock,
        say: Callable[[str], None] = _quiet,
        patience_seconds: float = 600,
    ) -> None:
        self._broker = broker
        self._claim = claim
        self._clock = clock
        self._asking = Asking(
            broker,
            claim,
            clock=clock,
            say=say,
            patience_seconds=patience_seconds,
        )
        self._longest_run = max(1, int(min(calls_per_second * RUN_SECONDS, _MOST_SLOTS)))
        self._turn = threading.Condition()
        self._slots: deque[float] = deque()
        self._held = 0  # slots that were booked and have not passed, taken by a thread or not
        self._waiting = 0  # threads without a slot
        self._books = False
        self._spare = 0  # slots to book for threads that do not wait yet
        self._unbilled = 0

    def wait_for_permit(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent now; the permit is used up by returning.

        Raise Interrupted when `stop` is set before, Replaced, BudgetSpent or Drained as the broker says,
        Unavailable when its store has been away for longer than our patience.
        """
        while not self._pass(self._take(stop), stop):
            pass

    def unbilled(self) -> None:
        """Give back the budget of a call that was answered and is known not to be billed."""
        with self._turn:
            self._unbilled += 1

    def throttled(self, scope: ThrottleScope = ThrottleScope.ACCOUNT) -> None:
        """Pass on that the gateway refused a call for its rate; a store that is away need not know."""
        with suppress(Unavailable):
            self._broker.throttled(scope)

    def close(self) -> None:
        """Give back what was booked and not used; while the store is away it stays counted as spent."""
        with self._turn:
            calls = self._unbilled + len(self._slots)
            self._unbilled = 0
            self._slots.clear()
        if calls:
            with suppress(Unavailable):
                self._broker.refund(calls, self._claim)

    def _take(self, stop: threading.Event | None) -> float:
        """Return the time of a slot for the calling thread, once there is one."""
        with self._turn:
            self._waiting += 1
            try:
                while not self._slots:
                    _raise_if_set(stop)
                    if self._may_book():
                        self._book(stop)
                    else:
                        self._turn.wait()
                return self._slots.popleft()
            except BaseException:
                self._turn.notify()  # what ends this one may end the next
                raise
            finally:
                self._waiting -= 1
                self._wake_one()

    def _may_book(self) -> bool:
        return not self._books and 2 * self._held <= self._longest_run

    def _wake_one(self) -> None:
        """Wake a thread if there is something for it; each wakes the next, and none wakes in vain."""
        if self._waiting and (self._slots or self._may_book()):
            self._turn.notify()

    def _book(self, stop: threading.Event | None) -> None:
        with self._booking():
            self._asking.give_way(stop)
        calls = min(self._waiting + self._spare, self._longest_run - self._held)
        # What is given back counts as given back even if the answer is lost: never twice.
        unbilled, self._unbilled = self._unbilled, 0
        try:
            with self._booking():
                slots = self._asking.ask(calls, unbilled=unbilled, stop=stop)
        except BudgetSpent:
            while self._held and not (stop and stop.is_set()):  # those slots are paid for: let them pass
                self._turn.wait(_LATE_SECONDS)
            raise
        self._spare = _spare(slots, self._clock.now())
        self._slots.extend(slots)
        self._held += len(slots)
        self._turn.notify(max(0, len(slots) - 1))  # one is for the thread that booked

    @contextmanager
    def _booking(self) -> Iterator[None]:
        """Let go of the lock while one thread asks the broker."""
        self._books = True
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()
            self._books = False

    def _pass(self, slot: float, stop: threading.Event | None) -> bool:
        """Sleep until the slot; say whether it may still be used."""
        ahead = slot - self._clock.now()
        if ahead > 0:
            self._sleep(ahead, stop)
        with self._turn:
            self._held -= 1
            self._wake_one()
            late = self._clock.now() - slot
            in_time = late <= _LATE_SECONDS
            if late <= _FORGOTTEN_SECONDS and not (in_time and not (stop and stop.is_set())):
                self._unbilled += 1
        _raise_if_set(stop)
        return in_time

    def _sleep(self, seconds: float, stop: threading.Event | None) -> None:
        if stop:
            self._clock.wait(stop, seconds)
        else:
            self._clock.sleep(seconds)


def _spare(slots: Sequence[float], now: float) -> int:
    come_at_once = len(slots) > 1 and slots[-1] - now < _AT_ONCE_SECONDS
    return min(len(slots), _MOST_SPARE) if come_at_once else 0


def _raise_if_set(stop: threading.Event | None) -> None:
    if stop and stop.is_set():
        raise Interrupted("asked to stop while waiting for a permit")
