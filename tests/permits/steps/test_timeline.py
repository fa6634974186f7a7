from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.permits.steps.timeline import FIRST_MARGIN, Timeline, book, lead, widen

steps = st.lists(st.tuples(st.floats(0, 2), st.integers(1, 20), st.booleans()), min_size=1, max_size=40)
rates = st.sampled_from([0.5, 20.0, 50.0, 2000.0])


def played(moves, rate, timeline=None):
    """Return the slots of some (wait, calls, refused), each booked in its turn, and the last timeline."""
    timeline, now, slots = timeline or Timeline(), 1000.0, []
    for wait, calls, refused in moves:
        now += wait
        if lead(timeline, now=now, calls_per_second=rate) <= 0.5:
            timeline, booked = book(timeline, now=now, calls=calls, calls_per_second=rate)
            slots += booked
        if refused:
            timeline = widen(timeline, now=now, refusals=1, calls_per_second=rate)
    return slots, timeline


@settings(deadline=None)
@given(steps, rates)
def test_no_second_ever_holds_more_slots_than_the_rate_allows(moves, rate):
    # Longer runs than a process may book would let the timeline run ahead and seem to have jumped.
    slots, _ = played(
        [(wait, min(calls, max(1, int(rate / 10))), refused) for wait, calls, refused in moves], rate
    )
    for start in slots:
        within = sum(start <= slot < start + 1 - 1e-6 for slot in slots)
        assert within <= rate * 1.02 + 1  # the catch-up of 20 ms, and the slot that opens the second


@settings(deadline=None)
@given(steps)
def test_slots_are_booked_in_order_and_never_twice(moves):
    slots, _ = played(moves, 50)
    assert all(after > before for before, after in pairwise(slots))


@settings(deadline=None)
@given(steps, rates)
def test_the_margin_stays_between_nothing_and_a_twentieth(moves, rate):
    assert 0 <= played(moves, rate)[1].margin <= 0.05


def test_work_that_is_queued_uses_every_slot_of_the_rate():
    slots, timeline = played([(0.1, 5, False)] * 400, 50, Timeline(margin=0))
    assert round(slots[-1] - slots[0], 6) == round((len(slots) - 1) / 50, 6)
    assert timeline.margin == 0


def test_a_timeline_that_lags_starts_near_now():
    _, slots = book(Timeline(next_slot=900.0, margin=0.02), now=1000.0, calls=1, calls_per_second=50)
    assert slots == (999.98,)
    _, slots = book(Timeline(next_slot=900.0, margin=0.0), now=1000.0, calls=1, calls_per_second=50)
    assert slots == (999.996,)


@pytest.mark.parametrize("jump", [3600.0, 9e6, 2.2])
def test_a_timeline_of_a_clock_that_jumped_back_starts_afresh(jump):
    _, slots = book(Timeline(next_slot=1000.0 + jump), now=1000.0, calls=1, calls_per_second=50)
    assert slots == (1000.0,)


def test_a_slow_timeline_that_is_a_call_ahead_has_not_jumped():
    timeline, _ = book(Timeline(), now=1000.0, calls=1, calls_per_second=0.25)
    assert lead(timeline, now=1000.0, calls_per_second=0.25) > 3.9


def test_a_refusal_widens_the_margin_and_granted_calls_give_it_back():
    timeline = widen(Timeline(margin=0), now=100.0, refusals=1, calls_per_second=50)
    assert timeline.margin == 0.004
    timeline, _ = book(timeline, now=100.0, calls=500, calls_per_second=50)
    assert timeline.margin == pytest.approx(0.002)


def test_a_burst_of_refusals_counts_for_three():
    timeline = Timeline(margin=0)
    for _ in range(50):
        timeline = widen(timeline, now=100.5, refusals=7, calls_per_second=50)
    assert timeline.margin == pytest.approx(0.012)
    assert widen(timeline, now=102.0, refusals=1, calls_per_second=50).margin == pytest.approx(0.016)


def test_one_refused_call_in_a_thousand_keeps_the_margin_where_it_is():
    timeline = Timeline(margin=0.02)
    for second in range(20):
        timeline, _ = book(timeline, now=100.0 + second, calls=1000, calls_per_second=1000)
        timeline = widen(timeline, now=100.0 + second, refusals=1, calls_per_second=1000)
    assert timeline.margin == pytest.approx(0.02)


def test_the_first_margin_is_given_back_where_the_gateway_never_refuses():
    _, timeline = played([(0.1, 20, False)] * 300, 200)
    assert timeline.margin == 0 < FIRST_MARGIN
