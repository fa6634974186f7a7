"""The vendor's rate limits: so many accepted calls a second, counted in one of three ways.

calendar   each second of the clock, as the text of RequestLimitExceeded shows the vendor does
sliding    any span of one second
bucket     evenly, and after a pause up to `burst` calls at once
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from comparemaskface.accounts.account import Account, Counting, Scope
from comparemaskface.clock import Clock
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

MOST_COUNTERS = 10_000
"""Above this all counts start again: there is one for each account, region and address of a caller."""
VENDOR_ERRORS = {
    Scope.API: VendorError.TOO_MANY_REQUESTS,
    Scope.REGION: VendorError.TOO_MANY_REQUESTS,
    Scope.UIN: VendorError.TOO_MANY_OF_UIN,
    Scope.GLOBAL: VendorError.TOO_MANY_EVERYWHERE,
    Scope.IP: VendorError.TOO_MANY_OF_IP,
}
THROTTLED = frozenset(VENDOR_ERRORS.values())


class Counter(Protocol):
    """Count the calls under one limit: first `record_request`, then perhaps `take`."""

    def record_request(self, now: float) -> int:
        """Record a request; return how many there were in its second, refused ones included."""

    def has_slot(self) -> bool:
        """Return True if the request just recorded may be accepted."""

    def take(self) -> None:
        """Record that it was accepted."""


class CalendarSecond:
    """Count from one full second of the clock to the next."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = -1
        self._requested = self._accepted = 0

    def record_request(self, now: float) -> int:
        """Record a request; return how many there were in this second."""
        if int(now) != self._second:
            self._second = int(now)
            self._requested = self._accepted = 0
        self._requested += 1
        return self._requested

    def has_slot(self) -> bool:
        """Return True if this second has a slot left."""
        return self._accepted < self._limit

    def take(self) -> None:
        """Take a slot."""
        self._accepted += 1


class SlidingSecond:
    """Count the second that ends now."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._requested: deque[float] = deque()
        self._accepted: deque[float] = deque()

    def record_request(self, now: float) -> int:
        """Record a request; return how many there were within the last second."""
        for times in (self._requested, self._accepted):
            while times and times[0] <= now - 1:
                times.popleft()
            while times and times[-1] > now:  # the clock was set back
                times.pop()
        self._requested.append(now)
        return len(self._requested)

    def has_slot(self) -> bool:
        """Return True if fewer calls than the limit were accepted within the last second."""
        return len(self._accepted) < self._limit

    def take(self) -> None:
        """Record an accepted call."""
        self._accepted.append(self._requested[-1])


class TokenBucket:
    """Fill up by `limit` tokens a second to at most `burst`; a call takes one."""

    def __init__(self, limit: int, burst: int) -> None:
        self._limit = limit
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._requests = CalendarSecond(limit)

    def record_request(self, now: float) -> int:
        """Fill up; record a request and return how many there were in this calendar second."""
        if self._filled_at is not None:
            gained = max(0.0, now - self._filled_at) * self._limit
            self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at = now
        return self._requests.record_request(now)

    def has_slot(self) -> bool:
        """Return True if there is a whole token; a millionth less counts too, for rounding of the clock."""
        return self._tokens >= 1 - 1e-6

    def take(self) -> None:
        """Take a token."""
        self._tokens -= 1


class RateLimiter:
    """Hold all limits of all accounts; a call that one limit refuses takes no slot under the others."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[tuple[str, Scope, str], Counter] = {}

    def admit(self, account: Account, *, region: str = "", address: str = "") -> float:
        """Take a slot under each limit and return its time; raise the error of the first that has none.

        A limit of 0 admits all.
        """
        now = self._clock()
        counters = self._counted(account, now, {Scope.REGION: region, Scope.IP: address})
        for counter in counters:
            counter.take()
        return now

    def _counted(self, account: Account, now: float, places: dict[Scope, str]) -> Sequence[Counter]:
        counters = []
        for scope, limit in account.limits:
            if not limit:
                continue
            counter = self._counter(account, scope, limit, places.get(scope, ""))
            requests = counter.record_request(now)
            if not counter.has_slot():
                raise ServiceError(VENDOR_ERRORS[scope], requests=requests, limit=limit)
            counters.append(counter)
        return counters

    def _counter(self, account: Account, scope: Scope, limit: int, place: str) -> Counter:
        key = (account.name, scope, place)
        if key not in self._counters:
            if len(self._counters) >= MOST_COUNTERS:
                self._counters.clear()
            self._counters[key] = _counter_of(account, limit)
        return self._counters[key]


def _counter_of(account: Account, limit: int) -> Counter:
    if account.counting is Counting.CALENDAR:
        return CalendarSecond(limit)
    if account.counting is Counting.SLIDING:
        return SlidingSecond(limit)
    return TokenBucket(limit, account.burst)
