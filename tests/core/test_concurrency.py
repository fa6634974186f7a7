import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.comparing import compare_pairs
from maskmatch.core.concurrency import ConcurrencyLimits, Gauge, Seen, threads_affordable, threads_wanted
from maskmatch.core.crew import Crew
from maskmatch.core.pacing import SystemClock
from tests.engines import engine, numbered
from tests.fakes import FakeClock

MB = 1024 * 1024


def seen(**changes):
    facts = {"threads": 100, "waiting": 0, "stuck": 0, "seconds": 0.2, "image_bytes": 0.0}
    return Seen(**facts | changes)


def wanted(seen, rate=50.0):
    return threads_wanted(seen, calls_per_second=rate, limits=ConcurrencyLimits())


@pytest.mark.parametrize(
    ("rate", "seconds", "threads"),
    [(50, 0.2, 15), (50, 1.0, 75), (300, 0.3, 135), (300, 1.0, 200), (20, 0.1, 8), (math.inf, 0.05, 200)],
)
def test_so_many_threads_as_calls_are_under_way_at_once_and_half_as_many_to_spare(rate, seconds, threads):
    assert wanted(seen(seconds=seconds), rate) == threads


def test_at_the_start_there_are_the_fewest():
    assert wanted(seen(threads=0, seconds=0.0)) == 8


def test_threads_stuck_in_slow_calls_are_made_up_for_up_to_the_cap():
    assert wanted(seen(stuck=60)) == 135
    assert wanted(seen(threads=8, stuck=8)) == 16
    assert wanted(seen(threads=250, stuck=250)) == 256


def test_none_is_added_while_a_third_waits_for_permits():
    assert wanted(seen(threads=30, waiting=11, seconds=2.0)) == 30
    assert wanted(seen(threads=30, waiting=10, seconds=2.0)) == 60


def test_image_bytes_bound_the_threads():
    assert wanted(seen(seconds=1.0, image_bytes=6.0 * MB)) == 17
    assert wanted(seen(threads=30, waiting=30, image_bytes=6.0 * MB)) == 17
    assert threads_affordable(seen(image_bytes=1e9), ConcurrencyLimits()) == 1


@settings(deadline=None)
@given(
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(0, 300),
    st.floats(0, 1e6),
    st.floats(0, 1e9),
    st.one_of(st.floats(0.01, 1e7), st.just(math.inf)),
)
def test_there_is_always_at_least_one_thread_and_never_more_than_the_cap(
    threads, waiting, stuck, seconds, image_bytes, rate
):
    facts = Seen(
        threads=threads,
        waiting=min(waiting, threads),
        stuck=stuck,
        seconds=seconds,
        image_bytes=image_bytes,
    )
    assert 1 <= wanted(facts, rate) <= 256


def test_the_time_of_a_pair_is_the_median_without_the_wait_for_its_permit():
    clock = FakeClock()
    gauge = Gauge(clock, ConcurrencyLimits())
    for seconds in (0.2, 0.3, 10.0):
        with gauge.spell() as spell:
            spell.image_bytes = 1000
            with spell.waiting():
                clock.sleep(60)
            clock.sleep(seconds)
    facts = gauge.seen(3)
    assert facts.seconds == pytest.approx(0.3)
    assert facts.image_bytes == 1000


def test_pairs_without_a_call_say_nothing_of_its_time():
    clock = FakeClock()
    gauge = Gauge(clock, ConcurrencyLimits())
    with gauge.spell():
        clock.sleep(5)
    assert gauge.seen(1) == seen(threads=1, seconds=0.0)


def test_while_nothing_is_done_the_oldest_call_tells_the_time_and_waiting_threads_are_seen():
    clock = FakeClock()
    gauge = Gauge(clock, ConcurrencyLimits())
    with gauge.spell(), gauge.spell() as other:
        clock.sleep(0.5)
        with other.waiting():
            clock.sleep(1)
            facts = gauge.seen(2)
    assert (facts.seconds, facts.waiting, facts.stuck) == (1.5, 1, 0)


def test_a_call_four_times_slower_than_most_is_stuck():
    clock = FakeClock()
    gauge = Gauge(clock, ConcurrencyLimits())
    for _ in range(9):
        with gauge.spell() as spell:
            spell.image_bytes = 0
            clock.sleep(1)
    with gauge.spell():
        clock.sleep(3.9)
        assert gauge.seen(1).stuck == 0
        clock.sleep(0.2)
        assert gauge.seen(1).stuck == 1


def test_a_fixed_number_of_calls_in_flight_is_neither_more_nor_less():
    out, most = [], []
    lock = threading.Lock()
    full = threading.Event()
    parts = engine(calls_in_flight=5)

    def call():
        with lock:
            out.append(1)
            most.append(len(out))
            if len(out) == 5:
                full.set()
        full.wait(5)
        with lock:
            out.pop()

    parts.comparer.on_call = call
    compare_pairs(numbered(*map(str, range(200))), parts)
    assert max(most) == 5


def test_slow_calls_do_not_starve_the_others():
    parts = engine(clock=SystemClock(), calls_in_flight=None, calls_per_second=400.0)
    release = threading.Event()
    slow = {str(n) for n in range(0, 80, 2)}
    names = threading.local()
    compare = parts.comparer.compare

    def compare_slowly(reference, probe, **options):
        names.probe = probe.data.decode()
        return compare(reference, probe, **options)

    def hang():
        if names.probe in slow:
            release.wait(20)
        elif parts.comparer.sent == 300:
            release.set()

    parts.comparer.compare = compare_slowly
    parts.comparer.on_call = hang
    compare_pairs(numbered(*map(str, range(300))), parts)
    assert release.is_set()
    assert parts.progress.done == 300


def test_a_thread_that_cannot_be_started_is_done_without():
    started = threading.Event()
    crew = Crew(lambda: started.wait(5), on_error=lambda: None)
    crew.grow_to(1)
    start = threading.Thread.start

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    threading.Thread.start = refuse
    try:
        crew.grow_to(3)
    finally:
        threading.Thread.start = start
    assert crew.size == 1
    started.set()
    crew.join(5)
    assert crew.size == 0
