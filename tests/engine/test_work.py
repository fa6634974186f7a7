import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.engine.work import RetryLimits, WorkQueue
from tests.engine.engines import numbered
from tests.fakes import FakeClock


def queue_of(*names, **limits):
    clock = FakeClock()
    return WorkQueue(iter(numbered(*names)), clock=clock, limits=RetryLimits(**limits)), clock


def name_of(item):
    return item and item.pair.pair_id


def test_what_is_put_back_comes_first_then_fresh_pairs_then_tries_that_are_due():
    pairs, _ = queue_of(*"abcd")
    first, second = pairs.take(), pairs.take()
    pairs.later(first, seconds=0)
    pairs.put_back(second)
    assert [name_of(pairs.take()) for _ in range(5)] == ["b", "c", "d", "a", None]
    assert not pairs.has_more()


def test_a_fresh_pair_that_is_not_there_yet_holds_up_nothing_and_is_not_forgotten():
    (first, second) = numbered("a", "b")
    pairs = WorkQueue(iter([first, None, None, second]), clock=FakeClock(), limits=RetryLimits())
    tried = pairs.take()
    pairs.later(tried, seconds=0)
    assert pairs.take() is tried
    assert (pairs.take(), pairs.has_more()) == (None, True)
    assert name_of(pairs.take()) == "b"
    assert not pairs.has_more()


def test_a_try_is_not_taken_before_its_time():
    pairs, clock = queue_of("a")
    pairs.later(pairs.take(), seconds=5)
    assert (pairs.take(), pairs.has_more()) == (None, True)
    clock.sleep(5)
    assert name_of(pairs.take()) == "a"


def test_tries_are_taken_in_the_order_of_their_times():
    pairs, clock = queue_of(*"abc")
    for item, seconds in zip([pairs.take(), pairs.take(), pairs.take()], (3, 1, 2), strict=True):
        pairs.later(item, seconds=seconds)
    clock.sleep(9)
    assert [name_of(pairs.take()) for _ in range(3)] == ["b", "c", "a"]


def test_a_try_overdue_by_half_a_minute_goes_before_fresh_pairs():
    pairs, clock = queue_of(*"abcdef")
    pairs.later(pairs.take(), seconds=1)
    clock.sleep(30.9)
    assert name_of(pairs.take()) == "b"
    clock.sleep(0.2)
    assert name_of(pairs.take()) == "a"


def test_when_too_many_wait_no_fresh_pair_is_drawn():
    pairs, _ = queue_of(*"abcdef", most_waiting=2)
    pairs.later(pairs.take(), seconds=60)
    pairs.later(pairs.take(), seconds=50)
    assert name_of(pairs.take()) == "b"
    assert name_of(pairs.take()) == "c"


@given(st.integers(0, 5000), st.floats(0, 1))
def test_a_pause_grows_to_its_longest_and_is_never_longer_than_its_jitter_allows(setbacks, jitter):
    limits = RetryLimits()
    assert 0 <= limits.pause(setbacks, jitter) <= limits.longest_pause * jitter
    assert limits.pause(setbacks, jitter) <= limits.pause(setbacks + 1, jitter)


@pytest.mark.parametrize(("setbacks", "seconds"), [(0, 0.25), (1, 0.5), (4, 4.0), (5, 8.0), (50, 8.0)])
def test_pauses_double(setbacks, seconds):
    assert RetryLimits().pause(setbacks, 1.0) == seconds
