import math
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.clock import SystemClock
from maskmatch.engine.memory import ImageMemory, MemoryLimits
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine, numbered
from tests.fakes import FakeComparer, FakeImages

MB = 1024 * 1024


def room(rate=50.0, calls=None, **limits):
    return ImageMemory(MemoryLimits(**limits), calls_per_second=rate, calls=calls)


@pytest.mark.parametrize(
    ("rate", "ahead"), [(0.05, 1), (1, 4), (50, 10), (200, 40), (2000, 100), (math.inf, 100)]
)
def test_a_fifth_of_a_second_is_made_ready_ahead(rate, ahead):
    assert (room(rate).ahead, room(rate).in_flight) == (ahead, 400)


def test_a_fixed_number_of_calls_bounds_also_those_that_are_ready():
    fixed = room(200, 3)
    assert (fixed.in_flight, fixed.ahead, fixed.affordable) == (3, 3, 6)


def test_image_bytes_bound_the_calls():
    large = room(200)
    for _ in range(10):
        large.note(image_bytes=6 * MB)
    assert (large.affordable, large.in_flight, large.ahead) == (17, 17, 17)
    for _ in range(1000):
        large.note(image_bytes=1000)
    assert (large.in_flight, large.ahead) == (400, 40)
    large.note(image_bytes=10**12)
    assert (large.affordable, large.in_flight, large.ahead) == (1, 1, 1)


def test_addresses_bound_nothing():
    urls = room(200)
    urls.note(image_bytes=0)
    assert urls.affordable == 440


@settings(deadline=None)
@given(
    st.one_of(st.floats(0.01, 1e7), st.just(math.inf)),
    st.one_of(st.integers(1, 1000), st.none()),
    st.lists(st.integers(0, 10**9)),
)
def test_there_is_always_room_for_one_call_and_never_for_more_than_the_cap(rate, calls, sizes):
    bounded = room(rate, calls)
    for size in sizes:
        bounded.note(image_bytes=size)
    assert 1 <= bounded.in_flight <= (calls or 400)
    assert 1 <= bounded.ahead <= 100
    assert bounded.affordable >= max(bounded.in_flight, bounded.ahead)


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

    parts.client.on_call = call
    compare_pairs(numbered(*map(str, range(200))), parts)
    assert max(most) == 5


def test_slow_calls_do_not_starve_the_others():
    parts = engine(clock=SystemClock(), calls_in_flight=None)
    release = threading.Event()
    slow = {str(n) for n in range(0, 80, 2)}
    names = threading.local()
    compare = parts.client.compare

    def compare_slowly(reference, probe, **options):
        names.probe = probe.data.decode()
        return compare(reference, probe, **options)

    def hang():
        if names.probe in slow:
            release.wait(20)
        elif parts.client.sent == 300:
            release.set()

    parts.client.compare = compare_slowly
    parts.client.on_call = hang
    compare_pairs(numbered(*map(str, range(300))), parts)
    assert release.is_set()
    assert parts.progress.done == 300


def test_images_that_load_slowly_are_loaded_by_many_threads():
    class Slow(FakeImages):
        loading = most = 0

        def load(self, image_id):
            with lock:
                self.loading += 1
                self.most = max(self.most, self.loading)
            time.sleep(0.02)  # a slow load is what it is about
            with lock:
                self.loading -= 1
            return super().load(image_id)

    lock = threading.Lock()
    images = Slow()
    parts = engine(images=images, clock=SystemClock(), calls_in_flight=None, calls_per_second=1000.0)
    compare_pairs(numbered(*map(str, range(500))), parts)
    assert parts.progress.done == 500
    assert images.most >= 16


def test_images_that_load_at_once_are_loaded_one_by_one_when_that_is_known():
    loading, at_once = set(), []

    class Noted(FakeImages):
        def load(self, image_id):
            loading.add(threading.current_thread())
            at_once.append(len(loading))
            try:
                return super().load(image_id)
            finally:
                loading.discard(threading.current_thread())

    parts = engine(images=Noted(), clock=SystemClock(), calls_in_flight=None)
    compare_pairs(numbered(*map(str, range(1000))), parts)
    assert set(at_once[1000:]) == {1}


def test_no_more_pairs_are_prepared_than_there_are_bytes_for():
    class Large(FakeImages):
        def load(self, image_id):
            picture = super().load(image_id)
            return type(picture)(data=picture.data + b"x" * 100_000)

    class Counts(FakeComparer):
        prepared = most = 0

        def prepare(self, *pictures, **options):
            self.prepared += 1
            self.most = max(self.most, self.prepared - len(parts.journal.entries))
            return super().prepare(*pictures, **options)

    limits = MemoryLimits(image_bytes=5_000_000)
    parts = engine(images=Large(), client=Counts(), calls_in_flight=None, memory=limits)
    compare_pairs(numbered(*map(str, range(200))), parts)
    assert parts.progress.done == 200
    assert parts.client.most <= 5_000_000 / (5 * 200_000) + 10  # the first were not known to be large
