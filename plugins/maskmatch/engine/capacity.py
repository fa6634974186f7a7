"""How many calls may be in flight, so that a slow service is not sent more than it answers in time.

    an answer took (of a call's time limit)
      less than a tenth      one call more, where it is the calls in flight that hold us back
      up to four tenths      a little more
      up to six tenths       two fewer, but not fewer than `home`
      longer, or all of it   two fewer
    refused, as too much     fewer than there were, and no more for a fifth of the time limit

`home` is what this process may have in flight at a service that manages a tenth of the rate, so that each
call is answered in half of its time limit; everybody starts there, is drawn to it, and all processes that
share the rate have the same. From latency alone nobody can tell a slow service from a long queue: hence only
the distance to the time limit counts.

Decision: docs/adr/0012-calls-in-flight-follow-the-time-limit.md
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from maskmatch.core.codes import Action
from maskmatch.core.errors import CallFailed

QUICK, GOOD, LATE = 0.1, 0.4, 0.6
"""Shares of the time limit. An answer that stalls for half of it is still in time up to GOOD; a service whose
own time is half of it does not look overloaded up to LATE."""
HOME = 1 / 20
"""Half of a tenth."""
_FEWER = 2
"""Calls, for each late one: at `home`, one call in ten may be late."""
_GROWTH = 1 / 5
"""Of `home`, while as many calls end as may be in flight: adding alike makes processes equal."""
_SHRINK = 0.02
"""Calls, for each answer where half of them would do: old room is not kept for a bad day."""
_REMEMBERED = 9
"""One late call, or one refused, among ten is no evidence; two are."""
_HTTP_ERROR = "ServerNetworkError"
"""The SDK's code for an answer of HTTP 503 and its like."""
_REST = 1 / 5
"""Of the time limit: what was refused is not sent again into the place that it left."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended: after how many seconds from its first byte, and among how many.

    `in_flight` counts it and the permits in hand, `at_start` the same when it was sent; `in_hand` are those
    permits alone. `is_needed` is False where no other call waits for a place.
    """

    seconds: float
    in_flight: int
    at_start: int
    is_needed: bool
    in_hand: int = 0


def is_refused(failure: CallFailed) -> bool:
    """Return True if a service that has too much to do refused a call, or the gateway before it."""
    return failure.rule.action is Action.THROTTLE or failure.rule.code == _HTTP_ERROR


class Capacity:
    """The calls that one process may have in flight."""

    def __init__(
        self, *, calls_per_second: float, time_limit: float, most: int, now: Callable[[], float]
    ) -> None:
        self._rate = calls_per_second
        self._time_limit = time_limit
        self._most = most
        self._now = now
        self._newest: deque[float] = deque(maxlen=_REMEMBERED)
        self._refusals: deque[bool] = deque(maxlen=_REMEMBERED)
        self._growth_at = -math.inf
        self._is_untried = True
        self._home = self._calls = self._home_of(1)

    @property
    def allowed_calls(self) -> int:
        """Return how many calls may be in flight, permits in hand among them."""
        return int(self._calls)

    def share(self, processes: int) -> None:
        """Share the rate with so many processes, this one among them, and the calls in flight with them.

        The first to start learns of the others only when it has sent for all of them.
        """
        before, self._home = self._home, self._home_of(processes)
        if self._is_untried:
            self._calls = self._home
        elif self._calls > 1:  # one alone is caution, which others that leave do not end
            self._allow(self._calls * self._home / before)

    def answered(self, call: Ended) -> None:
        """Learn from a call that was answered, or not within its time limit.

        What counts is the share of the limit that it would take if it were sent now, and no more than the
        largest of the nine before.
        """
        self._is_untried = False
        self._refusals.append(False)
        share = call.seconds * min(1.0, call.in_flight / call.at_start) / self._time_limit
        beside = max(self._newest, default=0.0)
        self._newest.append(share)
        is_lost, share = share >= 1, min(share, beside)
        if share >= LATE:
            self._allow(self._calls - _FEWER)
        elif share >= GOOD and self._calls > self._home:
            self._allow(max(self._home, self._calls - _FEWER))
        elif self._holds_back(call) and not is_lost:
            self._allow(self._calls + (1 if share < QUICK else _GROWTH * self._home / self._calls))
        elif share < QUICK and call.in_flight < self._calls / 2 and self._calls > self._home:
            self._allow(max(self._home, self._calls - _SHRINK))

    def refused(self, call: Ended) -> None:
        """Learn from a call that was refused as too much: what is left is what the service took."""
        is_evidence = any(self._refusals)
        self._refusals.append(True)
        if is_evidence:
            self._is_untried = False
            self._allow(min(self._calls, call.in_flight - call.in_hand - 1))
            self._growth_at = self._now() + _REST * self._time_limit

    def restart(self) -> None:
        """Begin with one call: the service was down."""
        self._newest.clear()
        self._is_untried = False
        self._calls = 1.0

    def _home_of(self, processes: int) -> float:
        return max(1.0, min(self._most, self._rate / processes * self._time_limit * HOME))

    def _holds_back(self, call: Ended) -> bool:
        """Return True if more calls would be in flight if more were allowed."""
        return call.is_needed and call.in_flight >= self.allowed_calls and self._now() >= self._growth_at

    def _allow(self, calls: float) -> None:
        self._calls = min(max(1.0, calls), self._most)
