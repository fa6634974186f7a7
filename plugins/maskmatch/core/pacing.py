"""When the next call may be sent: one timeline per account, booked in short runs of even slots.

        now      next_slot
    ─────┼─────────┼────┼────┼────┼──>   each process books the next free slots and sleeps until its own
                   └ run of 3 ┘

Nothing is held, so a killed process leaks nothing but the slots of its run. The gateway does not tell how it
counts, so a margin below the nominal rate is learnt from its refusals and given back slowly.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from maskmatch.core.errors import Interrupted

RUN_SECONDS = 0.1
"""A process books at most this much of the timeline at once."""
_CATCH_UP_SECONDS = 0.02
_MAX_LEAD_SECONDS = 60.0
_MARGIN_STEP, _MARGIN_LIMIT = 0.012, 0.10
_WIDEN_EVERY_SECONDS, _CALM_SECONDS, _RELAX_PER_SECOND = 1.0, 3.0, 0.0008


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


@dataclass(frozen=True, slots=True)
class Timeline:
    """The shared state of one quota key, all times in seconds of the shared clock."""

    next_slot: float = float("-inf")
    margin: float = 0.0
    widened_at: float = float("-inf")


def book(
    timeline: Timeline, *, now: float, calls: int, calls_per_second: float
) -> tuple[Timeline, list[float]]:
    """Book the next free slots; return the new timeline and the time of each slot.

    A timeline that lags starts afresh at `now`, less a catch-up too short to make a burst; one that is far
    ahead belongs to a clock from before a reboot and starts afresh too.
    """
    if timeline.widened_at > now or timeline.next_slot > now + max(_MAX_LEAD_SECONDS, 64 / calls_per_second):
        timeline = Timeline(next_slot=now)
    interval = 1 / (calls_per_second * (1 - _relaxed_margin(timeline, now)))
    first = max(timeline.next_slot, now - _CATCH_UP_SECONDS)
    slots = [first + i * interval for i in range(calls)]
    return replace(timeline, next_slot=first + calls * interval), slots


def widen(timeline: Timeline, *, now: float) -> Timeline:
    """Widen the margin after the gateway refused a call for its rate, at most once a second."""
    if 0 <= now - timeline.widened_at < _WIDEN_EVERY_SECONDS:
        return timeline
    margin = min(_MARGIN_LIMIT, _relaxed_margin(timeline, now) + _MARGIN_STEP)
    return replace(timeline, margin=margin, widened_at=now)


def _relaxed_margin(timeline: Timeline, now: float) -> float:
    calm = now - timeline.widened_at - _CALM_SECONDS
    return max(0.0, timeline.margin - _RELAX_PER_SECOND * max(0.0, calm))


class Broker(Protocol):
    """Books slots on the timeline that all users of one account share."""

    def reserve(self, calls: int) -> Sequence[float]:
        """Book slots for so many calls; return their times on the shared clock."""
        ...

    def throttled(self) -> None:
        """Tell that the gateway refused a call for its rate."""
        ...


class Pacer:
    """Lets the threads of one process pass one by one, each at its booked slot."""

    def __init__(self, broker: Broker, *, calls_per_second: float, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._longest_run = max(1, int(calls_per_second * RUN_SECONDS))
        self._slots: deque[float] = deque()
        self._gate = threading.Lock()
        self._waiting = 0
        self._count_lock = threading.Lock()

    def wait_for_permit(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent now; the permit is used up by returning.

        Raise Interrupted when `stop` is set before.
        """
        self._count(+1)
        try:
            with self._gate:
                if stop and stop.is_set():
                    raise Interrupted("asked to stop while waiting for a permit")
                if not self._slots:
                    self._slots.extend(self._broker.reserve(min(self._waiting, self._longest_run)))
                self._clock.sleep(max(0.0, self._slots.popleft() - self._clock.now()))
        finally:
            self._count(-1)

    def throttled(self) -> None:
        """Pass on that the gateway refused a call for its rate."""
        self._broker.throttled()

    def _count(self, change: int) -> None:
        with self._count_lock:
            self._waiting += change
