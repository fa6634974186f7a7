import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.server.errors import Language, ServiceError
from maskmatch.server.quota import Quota


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def is_admitted(quota: Quota, secret_id: str = "one") -> bool:
    try:
        quota.admit(secret_id)
    except ServiceError:
        return False
    return True


@given(
    limit=st.integers(1, 5),
    gaps=st.lists(st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.7]), max_size=60),
)
def test_a_calendar_second_never_holds_more_than_the_limit_and_never_less_than_asked(
    limit: int, gaps: list[float]
) -> None:
    clock = Clock(1_800_000_000.5)
    quota = Quota(limit, clock=clock)
    asked: dict[int, int] = {}
    admitted: dict[int, int] = {}
    for gap in gaps:
        clock.now += gap
        second = int(clock.now)
        asked[second] = asked.get(second, 0) + 1
        admitted[second] = admitted.get(second, 0) + is_admitted(quota)
    assert admitted == {second: min(limit, number) for second, number in asked.items()}


def test_a_second_begins_on_the_calendar_not_with_the_first_call() -> None:
    clock = Clock(100.99)
    quota = Quota(1, clock=clock)
    assert is_admitted(quota)
    assert not is_admitted(quota)
    clock.now = 101.01
    assert is_admitted(quota)


def test_rejected_requests_count_in_the_text_and_take_no_slot() -> None:
    quota = Quota(1, clock=Clock(7.0))
    quota.admit("one")
    with pytest.raises(ServiceError):
        quota.admit("one")
    with pytest.raises(ServiceError) as third:
        quota.admit("one")
    assert "`3`" in third.value.message(Language.ENGLISH)
    assert "`1`" in third.value.message(Language.ENGLISH)


def test_each_secret_id_has_its_own_second() -> None:
    quota = Quota(1, clock=Clock(7.0))
    assert is_admitted(quota, "one")
    assert is_admitted(quota, "two")


def test_a_limit_of_zero_admits_all_and_tells_when() -> None:
    quota = Quota(0, clock=Clock(7.25))
    assert {quota.admit("one") for _ in range(100)} == {7.25}
