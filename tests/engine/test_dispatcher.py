"""The dispatcher under what holds it up: slow and hanging loads, stale calls, a permit store that hangs."""

import threading
import time

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent, Interrupted
from maskmatch.core.outcomes import FailureClass, Reason
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine, numbered
from tests.fakes import FakeComparer, FakeImages, FakePermits, ListJournal
from tests.waiting import wait_until

BAD = Reason(failure_class=FailureClass.DATA, code="image_undecodable", message="bad")


class Permits(FakePermits):
    """Permits at once, on the clock of this host."""

    def __init__(self):
        super().__init__(SystemClock())


def real(**changes):
    return engine(**{"clock": SystemClock(), "calls_in_flight": None} | changes)


def test_loads_that_hang_hold_up_no_other_pair():
    class Hangs(FakeImages):
        def load(self, image_id):
            if image_id in {"10", "20", "30", "40", "50"}:
                assert release.wait(20), "they hold up the others"
            return super().load(image_id)

    release = threading.Event()
    parts = real(images=Hangs(), calls_per_second=20.0)  # four are made ready ahead
    parts.client.on_call = lambda: parts.client.sent == 295 and release.set()
    compare_pairs(numbered(*map(str, range(300))), parts)
    assert release.is_set()
    assert parts.progress.done == 300


@pytest.mark.slow
def test_slow_loads_do_not_bound_the_rate():
    class Slow(FakeImages):
        def load(self, image_id):
            time.sleep(0.1)  # a store that takes its time
            return super().load(image_id)

    parts = real(images=Slow(), calls_per_second=50.0)
    began = time.monotonic()
    compare_pairs(numbered(*map(str, range(400))), parts)
    assert time.monotonic() - began < 400 * 0.2 / 10  # as if ten were loaded at once at the least
    assert parts.progress.done == 400


def test_a_call_that_went_stale_is_prepared_anew_without_using_up_its_slot():
    class GoesStale(FakeComparer):
        prepared = given_up = 0

        def prepare(self, *pictures, **options):
            self.prepared += 1
            return super().prepare(*pictures, **options)

        def is_stale(self, call):
            return self.prepared < 20

        def give_up(self, call):
            self.given_up += 1

    parts = engine(client=GoesStale())
    compare_pairs(numbered("a", "b", "c"), parts)
    assert sorted(parts.client.calls) == ["a", "b", "c"]
    assert parts.client.given_up == parts.client.prepared - 3 >= 16
    assert parts.permits.granted - parts.permits.given_back == 3


def test_calls_that_were_prepared_and_not_sent_are_given_up_when_the_run_ends():
    class Counts(FakeComparer):
        prepared = given_up = 0

        def prepare(self, *pictures, **options):
            self.prepared += 1
            return super().prepare(*pictures, **options)

        def give_up(self, call):
            self.given_up += 1

    parts = engine(client=Counts())
    parts.client.on_call = lambda: parts.client.sent >= 9 and parts.stop.set()
    with pytest.raises(Interrupted):
        compare_pairs(numbered(*map(str, range(100))), parts)
    assert parts.client.prepared == parts.client.sent + parts.client.given_up
    assert parts.permits.granted - parts.permits.given_back == parts.client.sent


def test_a_store_of_permits_that_hangs_does_not_keep_what_was_answered_from_the_journal():
    class Hangs(Permits):
        def book(self, calls, stop=None):
            if self.granted >= 20:
                parts.stop.set()
                release.wait(20)
            return super().book(calls, stop)

    release = threading.Event()
    parts = real(permits=Hangs(), drain_seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Interrupted):
        compare_pairs(numbered(*map(str, range(100))), parts)
    assert time.monotonic() - began < 3
    release.set()
    assert len(parts.journal.entries) == parts.client.sent > 0


def test_what_interrupts_the_recording_thread_loses_no_answer():
    class Interrupts(ListJournal):
        def enter(self, outcome):
            super().enter(outcome)
            if len(self.entries) == 10:
                raise KeyboardInterrupt

    parts = engine(journal=Interrupts(), calls_in_flight=8)
    with pytest.raises(KeyboardInterrupt):
        compare_pairs(numbered(*map(str, range(200))), parts)
    assert len(parts.journal.entries) == parts.client.sent


def test_a_budget_that_is_spent_when_nothing_is_left_to_pay_is_no_error():
    class LearntLate(BadImageIndex):
        is_known = False

        def forestall(self, pair):
            self.is_known |= pair.probe_id == "a"
            return pair.probe_id == "a"

        def on(self, pair):
            return BAD if pair.probe_id == "a" and self.is_known else None

    class TwoCalls(FakePermits):
        def book(self, calls, stop=None):
            wait_until(lambda: self.granted or calls() == 3, "three calls that want permits")
            if not self.granted:
                return super().book(lambda: 2, stop)
            wait_until(lambda: len(parts.journal.entries) == 3, "three pairs in the journal")
            raise BudgetSpent("spent", window="run", until=None)

    parts = engine(permits=TwoCalls(), bad_images=LearntLate())
    compare_pairs(numbered(*"abc"), parts)
    assert sorted(parts.client.calls) == ["b", "c"]
    assert parts.progress.counts == {"scored": 2, "image_undecodable": 1}


def test_an_error_in_sending_ends_the_run_with_its_calls_in_the_books():
    class Breaks(FakeComparer):
        def start(self, call, **options):
            if self.sent >= 3:
                raise OSError("the network is gone")
            super().start(call, **options)

    parts = engine(client=Breaks(), drain_seconds=0.2)
    began = time.monotonic()
    with pytest.raises(OSError, match="the network is gone"):
        compare_pairs(numbered(*map(str, range(100))), parts)
    assert time.monotonic() - began < 5
    # The one whose sending broke may have left.
    assert sum(o.calls.attempts for o in parts.journal.entries) == parts.client.sent + 1


@pytest.mark.slow
def test_threads_that_load_end_when_they_are_not_needed_any_more():
    class SlowAtFirst(FakeImages):
        loads = 0

        def load(self, image_id):
            self.loads += 1
            if self.loads < 100:
                time.sleep(0.02)  # a slow load is what it is about
            return super().load(image_id)

    class Paced(Permits):
        def book(self, calls, stop=None):
            time.sleep(0.02)  # so slow a rate that there is little to load
            return super().book(lambda: min(2, calls()), stop)

    parts = real(images=SlowAtFirst(), permits=Paced(), calls_per_second=100.0)
    loaders = []

    def look():
        names = [thread.name for thread in threading.enumerate()]
        loaders.append(sum(name.startswith("compare-load") for name in names))

    parts.progress.tick = look
    compare_pairs(numbered(*map(str, range(280))), parts)
    assert max(loaders) > 4
    assert loaders[-1] <= 2
