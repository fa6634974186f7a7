"""Rate limits, with a clock that the tests turn."""

from bisect import bisect_left
from itertools import accumulate
from typing import Any

import pytest
from comparemaskface.accounts import rate_limits
from comparemaskface.accounts.account import Account, Counting, Scope
from comparemaskface.accounts.rate_limits import RateLimiter
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import Language
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.server

GAPS = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.4, 1.0, 3.7]), max_size=60)


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def account(limit: int = 1, *, scope: Scope = Scope.API, name: str = "one", **choices: Any) -> Account:
    return Account(name=name, keys=(), limits=((scope, limit),), **choices)


def is_admitted(limiter: RateLimiter, caller: Account, **places: str) -> bool:
    try:
        limiter.admit(caller, **places)
    except ServiceError:
        return False
    return True


def admitted_times(gaps: list[float], caller: Account) -> list[float]:
    clock = Clock(1_800_000_000.5)
    limiter = RateLimiter(clock=clock)
    times = []
    for gap in gaps:
        clock.now += gap
        if is_admitted(limiter, caller):
            times.append(clock.now)
    return times


@given(limit=st.integers(1, 5), gaps=GAPS)
def test_a_calendar_second_never_holds_more_than_the_limit_and_never_less_than_asked(
    limit: int, gaps: list[float]
) -> None:
    asked: dict[int, int] = {}
    for time in accumulate(gaps, initial=1_800_000_000.5):
        asked[int(time)] = asked.get(int(time), 0) + 1
    if asked:
        asked[1_800_000_000] -= 1  # the start, at which no one calls
    admitted = [int(time) for time in admitted_times(gaps, account(limit))]
    assert {second: admitted.count(second) for second in asked} == {
        second: min(limit, number) for second, number in asked.items()
    }


@given(limit=st.integers(1, 5), gaps=GAPS)
def test_a_sliding_second_never_holds_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    times = admitted_times(gaps, account(limit, counting=Counting.SLIDING))
    for index, time in enumerate(times):
        assert bisect_left(times, time + 1) - index <= limit


@given(limit=st.integers(1, 5), burst=st.integers(1, 8), gaps=GAPS)
def test_a_bucket_never_gives_more_than_its_rate_and_its_burst(
    limit: int, burst: int, gaps: list[float]
) -> None:
    times = admitted_times(gaps, account(limit, counting=Counting.BUCKET, burst=burst))
    for first, start in enumerate(times):
        for last, end in enumerate(times[first:], start=1):
            assert last <= burst + limit * (end - start) + 1e-3


@pytest.mark.parametrize("counting", Counting)
def test_who_keeps_an_even_pace_is_always_admitted(counting: Counting) -> None:
    assert len(admitted_times([0.25] * 100, account(4, counting=counting))) == 100


def test_a_second_begins_on_the_calendar_not_with_the_first_call() -> None:
    clock = Clock(100.99)
    limiter = RateLimiter(clock=clock)
    assert is_admitted(limiter, account())
    assert not is_admitted(limiter, account())
    clock.now = 101.01
    assert is_admitted(limiter, account())


def test_a_sliding_second_begins_with_the_call() -> None:
    clock = Clock(100.99)
    limiter = RateLimiter(clock=clock)
    caller = account(counting=Counting.SLIDING)
    assert is_admitted(limiter, caller)
    clock.now = 101.98
    assert not is_admitted(limiter, caller)
    clock.now = 101.99
    assert is_admitted(limiter, caller)


def test_a_sliding_second_forgets_calls_of_a_time_that_is_yet_to_come() -> None:
    clock = Clock(2000.0)
    limiter, caller = RateLimiter(clock=clock), account(counting=Counting.SLIDING)
    assert is_admitted(limiter, caller)
    clock.now = 1800.0  # the clock was 200 s fast and is set right
    assert is_admitted(limiter, caller)


def test_a_bucket_saves_no_more_than_its_burst() -> None:
    clock = Clock(100.0)
    limiter = RateLimiter(clock=clock)
    caller = account(2, counting=Counting.BUCKET, burst=3)
    clock.now = 1000.0
    assert [is_admitted(limiter, caller) for _ in range(4)] == [True, True, True, False]
    clock.now = 1000.5
    assert [is_admitted(limiter, caller) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("counting", Counting)
def test_rejected_requests_count_in_the_text_and_take_no_slot(counting: Counting) -> None:
    limiter = RateLimiter(clock=Clock(7.0))
    caller = account(counting=counting)
    limiter.admit(caller)
    with pytest.raises(ServiceError):
        limiter.admit(caller)
    with pytest.raises(ServiceError) as third:
        limiter.admit(caller)
    assert "`3`" in third.value.message(Language.ENGLISH)
    assert "`1`" in third.value.message(Language.ENGLISH)


def test_each_account_has_its_own_second() -> None:
    limiter = RateLimiter(clock=Clock(7.0))
    assert is_admitted(limiter, account(name="one"))
    assert is_admitted(limiter, account(name="two"))


def test_a_limit_of_zero_admits_all_and_tells_when() -> None:
    limiter = RateLimiter(clock=Clock(7.25))
    assert {limiter.admit(account(0)) for _ in range(100)} == {7.25}


def test_regions_and_addresses_are_counted_apart_and_accounts_over_them() -> None:
    limiter = RateLimiter(clock=Clock(7.0))
    by_region, by_address = account(scope=Scope.REGION), account(scope=Scope.IP, name="two")
    assert is_admitted(limiter, by_region, region="ap-beijing")
    assert is_admitted(limiter, by_region, region="ap-guangzhou")
    assert not is_admitted(limiter, by_region, region="ap-beijing")
    assert is_admitted(limiter, by_address, address="10.0.0.1")
    assert is_admitted(limiter, by_address, address="10.0.0.2")
    assert not is_admitted(limiter, by_address, address="10.0.0.1")


def test_a_call_that_one_limit_rejects_takes_no_slot_under_another() -> None:
    limiter = RateLimiter(clock=Clock(7.0))
    limits = ((Scope.API, 2), (Scope.IP, 1))
    caller = Account(name="one", keys=(), limits=limits)
    assert is_admitted(limiter, caller, address="10.0.0.1")
    assert not is_admitted(limiter, caller, address="10.0.0.1")
    assert is_admitted(limiter, caller, address="10.0.0.2")
    assert not is_admitted(limiter, caller, address="10.0.0.3")


def test_counters_do_not_grow_without_bound() -> None:
    limiter = RateLimiter(clock=Clock(7.0))
    caller = account(scope=Scope.IP)
    for number in range(rate_limits.MOST_COUNTERS + 5):
        limiter.admit(caller, address=str(number))
    assert len(limiter._counters) <= rate_limits.MOST_COUNTERS
