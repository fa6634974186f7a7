import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.errors import Interrupted
from maskmatch.core.pacing import Pacer, Timeline, book, widen
from tests.fakes import FakeClock, FreeBroker

steps = st.lists(st.tuples(st.floats(0, 2), st.integers(1, 20), st.booleans()), min_size=1, max_size=40)


@given(steps, st.sampled_from([20.0, 50.0, 2000.0]))
def test_no_second_ever_holds_more_slots_than_the_rate_allows(moves, rate):
    timeline, now, slots = Timeline(), 1000.0, []
    for wait, calls, refused in moves:
        now += wait
        timeline, booked = book(timeline, now=now, calls=calls, calls_per_second=rate)
        slots += booked
        timeline = widen(timeline, now=now) if refused else timeline
    for start in slots:
        within = sum(start <= slot < start + 1 - 1e-6 for slot in slots)
        assert within <= rate * 1.02 + 1  # the catch-up of 20 ms, and the slot that opens the second


@given(steps)
def test_slots_are_booked_in_order_and_never_twice(moves):
    timeline, now, last = Timeline(), 1000.0, 0.0
    for wait, calls, _ in moves:
        now += wait
        timeline, booked = book(timeline, now=now, calls=calls, calls_per_second=50)
        assert all(after > before for before, after in zip([last, *booked], booked, strict=False))
        last = booked[-1]


def test_work_that_is_queued_uses_every_slot_of_the_rate():
    timeline, slots = Timeline(), []
    for _ in range(100):
        timeline, booked = book(timeline, now=1000.0, calls=5, calls_per_second=50)
        slots += booked
    assert round(slots[-1] - slots[0], 6) == round(499 / 50, 6)


def test_a_timeline_from_before_a_reboot_starts_afresh():
    _, slots = book(Timeline(next_slot=9e6), now=10.0, calls=1, calls_per_second=50)
    assert slots == [10.0]


def test_a_refusal_widens_the_margin_once_a_second_and_calm_gives_it_back():
    timeline = widen(widen(Timeline(), now=100.0), now=100.5)
    assert timeline.margin == 0.012
    assert widen(timeline, now=101.1).margin == 0.024
    _, slots = book(timeline, now=200.0, calls=2, calls_per_second=50)
    assert round(slots[1] - slots[0], 9) == 0.02


def test_a_margin_learnt_before_a_reboot_is_forgotten():
    timeline = Timeline(next_slot=5e6, margin=0.1, widened_at=5e6)
    after, slots = book(timeline, now=10.0, calls=2, calls_per_second=50)
    assert (after.margin, round(slots[1] - slots[0], 9)) == (0.0, 0.02)


def test_a_stop_ends_the_wait_for_a_permit_without_taking_a_slot():
    clock, stop = FakeClock(), threading.Event()
    broker = FreeBroker(clock)
    stop.set()
    with pytest.raises(Interrupted):
        Pacer(broker, calls_per_second=50, clock=clock).wait_for_permit(stop)
    assert broker.granted == 0


def test_the_margin_has_a_limit():
    timeline = Timeline()
    for second in range(100):
        timeline = widen(timeline, now=100.0 + 1.5 * second)
    assert timeline.margin == 0.10


def test_threads_pass_at_their_slots_one_by_one():
    clock = FakeClock()

    class OneSecondApart(FreeBroker):
        next = 1000.0

        def reserve(self, calls):
            first, self.next = self.next, self.next + calls
            self.granted += calls
            return [first + i for i in range(calls)]

    broker = OneSecondApart(clock)
    pacer = Pacer(broker, calls_per_second=50, clock=clock)
    threads = [threading.Thread(target=pacer.wait_for_permit) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == 1009.0
    assert broker.granted == 10
