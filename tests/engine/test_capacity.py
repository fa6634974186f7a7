"""How many calls may be in flight: the law alone, of a call's time limit of 10 s."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import CallFailed
from maskmatch.engine.capacity import Capacity, Ended, is_refused
from tests.fakes import FakeClock

HOME = 100
MANY = 10_000


def capacity(*, rate=200.0, processes=1, most=MANY, time_limit=10.0, clock=None):
    law = Capacity(calls_per_second=rate, time_limit=time_limit, most=most, now=(clock or FakeClock()).now)
    law.share(processes)
    return law


def end(law, seconds, *, in_flight=None, at_start=None, is_needed=True, times=1):
    for _ in range(times):
        beside = law.allowed_calls if in_flight is None else in_flight
        law.answered(Ended(seconds, beside, at_start or beside, is_needed))
    return law


@pytest.mark.parametrize(
    ("rate", "processes", "most", "home"),
    [
        (200.0, 1, MANY, 100),
        (200.0, 4, MANY, 25),
        (20.0, 1, MANY, 10),
        (0.1, 1, MANY, 1),
        (200.0, 1000, MANY, 1),
        (200.0, 1, 30, 30),
        (math.inf, 1, 400, 400),
    ],
)
def test_it_begins_at_home(rate, processes, most, home):
    assert capacity(rate=rate, processes=processes, most=most).allowed_calls == home


@pytest.mark.parametrize("has_begun", [False, True])
def test_calls_in_flight_are_shared_with_processes_that_come_and_go(has_begun):
    law = capacity()
    if has_begun:
        end(law, 5.0, is_needed=False)
    law.share(8)
    assert law.allowed_calls == 12
    law.share(4)
    assert law.allowed_calls == 25


def test_one_that_has_more_than_home_shares_all_of_it():
    law = end(capacity(), 0.5, times=100)
    assert law.allowed_calls == 200
    law.share(4)
    assert law.allowed_calls == 50


def test_processes_that_leave_let_no_more_than_the_most_be_in_flight():
    law = capacity(processes=4, most=20)
    end(law, 5.0, is_needed=False)
    law.share(1)
    assert law.allowed_calls == 20


def test_one_call_at_a_time_after_the_service_was_down_stays_one_when_others_leave():
    law = capacity(processes=8)
    law.restart()
    law.share(1)
    assert law.allowed_calls == 1


@pytest.mark.parametrize(
    ("seconds", "after_ten"),
    [
        (0.0, 110),  # one call more for each
        (0.99, 110),
        (1.01, 102),  # a fifth of home for as many as may be in flight
        (3.99, 102),
        (4.01, 100),  # at home they stay
        (5.99, 100),
        (6.01, 83),  # two fewer for each but the first, which may be a stall
        (9.99, 83),
        (10.0, 82),  # nor is there one more for a first that was lost
    ],
)
def test_each_zone_of_the_time_limit_has_its_step(seconds, after_ten):
    assert end(capacity(), seconds, times=10).allowed_calls == after_ten


def test_above_home_it_leaves_early_and_stops_at_home():
    law = end(capacity(), 0.5, times=7)
    assert law.allowed_calls == 107
    assert end(law, 4.5, times=3).allowed_calls == 104  # the first may be a stall
    assert end(law, 4.5, times=20).allowed_calls == HOME


def test_below_home_it_comes_back():
    law = end(capacity(), 9.0, times=30)
    low = law.allowed_calls
    assert low < HOME / 2
    end(law, 0.5, times=9)
    assert end(law, 0.5, times=HOME).allowed_calls > HOME


@pytest.mark.parametrize(("stalls", "shrinks"), [(1, False), (2, True)])
def test_one_stall_among_ten_is_no_evidence(stalls, shrinks):
    law = end(capacity(), 0.5, times=10, is_needed=False)
    end(law, 9.0, times=stalls, is_needed=False)
    assert (law.allowed_calls < HOME) is shrinks


def test_one_stall_in_ten_for_ever_takes_nothing_away():
    law = capacity()
    for _ in range(20):
        end(law, 0.5, times=9, is_needed=False)
        end(law, 9.0, is_needed=False)
    assert law.allowed_calls == HOME


def test_what_a_first_cut_has_mended_is_not_cut_again():
    law = end(capacity(), 9.0, times=2)
    before = law.allowed_calls
    assert end(law, 9.0, in_flight=50, at_start=100, times=5).allowed_calls == before


@pytest.mark.parametrize(("in_flight", "is_needed"), [(99, True), (100, False)])
def test_it_grows_only_when_it_holds_calls_back(in_flight, is_needed):
    assert end(capacity(), 0.5, in_flight=in_flight, is_needed=is_needed, times=50).allowed_calls == HOME


def test_old_room_is_given_back_down_to_home():
    law = end(capacity(), 0.5, times=100)
    assert law.allowed_calls == 200
    assert end(law, 0.5, in_flight=10, times=125).allowed_calls == 197
    assert end(law, 0.5, in_flight=10, times=MANY).allowed_calls == HOME


def test_two_refusals_leave_fewer_than_there_were_and_no_growth_for_two_seconds():
    clock = FakeClock()
    law = capacity(clock=clock)
    law.refused(Ended(0.01, 40, 40, is_needed=True))
    assert law.allowed_calls == HOME
    law.refused(Ended(0.01, 40, 40, is_needed=True))
    assert law.allowed_calls == 39
    clock.sleep(1.9)
    assert end(law, 0.5, times=5).allowed_calls == 39
    clock.sleep(0.2)
    assert end(law, 0.5).allowed_calls == 40


def test_permits_in_hand_are_no_calls_that_the_service_took():
    law = capacity()
    for _ in range(2):
        law.refused(Ended(0.01, 60, 60, is_needed=True, in_hand=20))
    assert law.allowed_calls == 39


def test_a_service_that_was_down_begins_with_one_call():
    law = capacity()
    law.restart()
    assert law.allowed_calls == 1
    assert end(law, 0.5, times=3).allowed_calls == 4


@pytest.mark.parametrize(
    ("code", "expected"),
    [("RequestLimitExceeded", True), ("ServerNetworkError", True), ("ClientNetworkError", False)],
)
def test_what_counts_as_refused(code, expected):
    assert is_refused(CallFailed(rule_for(code), "as the vendor says")) is expected


ENDS = st.lists(
    st.tuples(st.floats(0, 12), st.integers(1, 500), st.integers(1, 500), st.booleans(), st.booleans()),
    max_size=60,
)


def play(law, ends):
    for seconds, in_flight, at_start, is_needed, refused in ends:
        ended = Ended(seconds, in_flight, at_start, is_needed)
        law.refused(ended) if refused else law.answered(ended)
    return law.allowed_calls


@given(ENDS, st.floats(0.01, 1e6), st.integers(1, 500))
def test_there_is_always_room_for_one_call_and_never_for_more_than_the_most(ends, rate, most):
    assert 1 <= play(capacity(rate=rate, most=most), ends) <= most


@given(ENDS, st.floats(0, 12), st.floats(0, 12))
def test_a_quicker_answer_never_leaves_less_room_than_a_slower_one(ends, one, other):
    quick, slow = capacity(), capacity()
    for law, last in ((quick, min(one, other)), (slow, max(one, other))):
        play(law, ends)
        end(law, last)
    assert quick.allowed_calls >= slow.allowed_calls


@given(ENDS, st.sampled_from([0.5, 2.0, 4.0]))
def test_only_the_share_of_the_time_limit_counts(ends, factor):
    scaled = [(seconds * factor, *others) for seconds, *others in ends]
    assert play(capacity(), ends) == play(capacity(rate=200 / factor, time_limit=10 * factor), scaled)
