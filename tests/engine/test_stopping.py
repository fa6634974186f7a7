import threading
import time

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent, Drained, Interrupted, Replaced, StopRun, Unavailable
from maskmatch.core.outcomes import Answer
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine, numbered
from tests.fakes import FakeComparer, FakeImages, ListJournal
from tests.waiting import wait_until

HUNDRED = numbered(*map(str, range(100)))


def comparing():
    return [thread for thread in threading.enumerate() if thread.name.startswith("compare-")]


def test_a_stop_ends_after_the_pairs_in_flight_and_keeps_them():
    parts = engine(calls_in_flight=1)
    parts.client.on_call = lambda: parts.client.sent == 3 and parts.stop.set()
    with pytest.raises(Interrupted):
        compare_pairs(HUNDRED, parts)
    assert [o.pair_id for o in parts.journal.entries] == ["0", "1", "2"]


def test_a_stop_that_comes_with_the_last_pair_changes_nothing():
    parts = engine()
    parts.client.on_call = lambda: parts.client.sent == 100 and parts.stop.set()
    compare_pairs(HUNDRED, parts)
    assert parts.progress.done == 100


def test_a_stop_before_the_first_pair_sends_nothing():
    parts = engine()
    parts.stop.set()
    with pytest.raises(Interrupted):
        compare_pairs(HUNDRED, parts)
    assert parts.permits.granted == 0


def test_a_pair_that_waits_for_its_next_try_is_left_to_the_next_run_with_its_calls_in_the_books():
    parts = engine(client=FakeComparer({"0": ["FailedOperation.ImageDownloadError"] * 9}))
    parts.client.on_call = parts.stop.set
    with pytest.raises(Interrupted):
        compare_pairs(numbered("0"), parts)
    (entry,) = parts.journal.entries
    assert (entry.is_final, entry.calls.attempts, parts.client.sent) == (False, 1, 1)
    assert entry.reason is not None
    assert entry.reason.code == "image_download_failed"
    assert (parts.progress.done, parts.progress.calls["attempts"]) == (0, 1)


def test_an_end_that_was_paid_for_stays_the_end_when_the_journal_is_full_and_gives_up():
    class Away(ListJournal):
        is_full = True

        def wait_for_room(self):
            raise Unavailable("the store stays away")

    client = FakeComparer({"0": ["InvalidParameterValue.NoFaceInPhoto"]})
    parts = engine(client=client, journal=Away())
    with pytest.raises(Unavailable, match="the store stays away"):
        compare_pairs(numbered("0"), parts)
    (entry,) = parts.journal.entries
    assert (entry.is_final, entry.calls.billed, entry.reason.code) == (True, 1, "no_face")


def test_an_account_error_stops_the_run_with_its_cure_and_keeps_what_is_done():
    parts = engine(client=FakeComparer({"7": ["ResourceUnavailable.InArrears"]}), calls_in_flight=1)
    with pytest.raises(StopRun, match="top it up"):
        compare_pairs(HUNDRED, parts)
    done = [o.pair_id for o in parts.journal.entries if o.is_final]
    assert done == list("0123456")
    assert sum(o.calls.attempts for o in parts.journal.entries) == parts.client.sent == 8


def test_after_an_account_error_no_further_call_is_sent_but_those_in_flight_are_kept():
    class Tells(BadImageIndex):
        def end(self, pair):
            super().end(pair)
            if pair.probe_id == "5":
                has_ended.set()

    comparer = FakeComparer({"5": ["AuthFailure.SecretIdNotFound"]})
    parts = engine(client=comparer, bad_images=Tells(), calls_in_flight=8)
    all_out, has_ended = threading.Barrier(8), threading.Event()
    names = threading.local()
    compare = parts.client.compare

    def compare_slowly(reference, probe, **options):
        names.probe = probe.data.decode()
        return compare(reference, probe, **options)

    def answer_the_refused_one_first():
        all_out.wait(10)
        if names.probe != "5":
            assert has_ended.wait(10)

    parts.client.compare = compare_slowly
    parts.client.on_call = answer_the_refused_one_first
    with pytest.raises(StopRun, match="SecretId"):
        compare_pairs(HUNDRED, parts)
    assert parts.client.sent == 8
    assert sum(o.score is not None for o in parts.journal.entries) == 7


@pytest.mark.parametrize(
    "error",
    [
        BudgetSpent("the day's 50 calls are spent", window="day", until=None),
        Replaced("another try has taken over"),
        Drained("drained"),
        Unavailable("the permit store is away"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_pacer_raises_ends_all_threads_and_is_raised_when_calls_in_flight_are_kept(error):
    parts = engine(calls_in_flight=8)
    parts.permits.error, parts.permits.error_after = error, 50
    with pytest.raises(type(error)) as caught:
        compare_pairs(HUNDRED, parts)
    assert caught.value is error
    assert len(parts.journal.entries) == parts.client.sent == 50 - parts.permits.given_back


def test_calls_that_hang_after_a_stop_are_left_as_unknown_and_what_they_bring_later_is_dropped():
    parts = engine(clock=SystemClock(), drain_seconds=0.2)
    release, out = threading.Event(), threading.Barrier(5)

    def hang():
        if parts.client.sent <= 4:
            out.wait(10)
            release.wait(10)

    parts.client.on_call = hang
    threading.Thread(target=lambda: (out.wait(10), parts.stop.set())).start()
    before = time.monotonic()
    with pytest.raises(Interrupted):
        compare_pairs(HUNDRED, parts)
    assert time.monotonic() - before < 2
    entries = list(parts.journal.entries)
    assert [(o.is_final, o.calls.attempts, o.calls.maybe_billed) for o in entries] == [(False, 1, 1)] * 4
    release.set()
    wait_until(lambda: not comparing(), "the end of all threads")
    assert parts.journal.entries == entries
    assert parts.client.sent == 4


def test_calls_that_end_in_the_last_moment_after_a_stop_are_entered():
    class Ends(FakeComparer):
        def start(self, call, *, send_by, on_end):
            seconds = 0.239 if self.calls else 100.0  # looked at every 0.05 s, given up after 0.24
            self.calls.append(call)
            call.ended = Answer(77.0, "3.0", "r-3")
            self._loop.call_later(seconds, on_end, call)
            self._loop.call_later(0.04, parts.stop.set)

    parts = engine(client=Ends(), calls_in_flight=None, drain_seconds=0.19)
    with pytest.raises(Interrupted):
        compare_pairs(numbered(*"abcde"), parts)
    ends = [(o.is_final, o.calls.attempts, o.calls.maybe_billed) for o in parts.journal.entries]
    assert sorted(ends) == [(False, 1, 1), *[(True, 1, 0)] * 4]


def test_a_pair_whose_images_hang_after_a_stop_is_left_to_the_next_run():
    class Hanging(FakeImages):
        def load(self, image_id):
            parts.stop.set()
            release.wait(10)
            return super().load(image_id)

    release = threading.Event()
    parts = engine(images=Hanging(), drain_seconds=0.2)
    with pytest.raises(Interrupted):
        compare_pairs(numbered("a"), parts)
    release.set()
    assert (parts.client.sent, parts.journal.entries) == (0, [])


def test_an_interrupt_of_the_main_thread_ends_the_threads_and_is_raised():
    parts = engine()

    def interrupted():
        raise KeyboardInterrupt

    parts.progress.tick = interrupted
    with pytest.raises(KeyboardInterrupt):
        compare_pairs(numbered(*map(str, range(5000))), parts)
    assert not parts.stop.is_set()  # which would tell the journal to be quick
    assert not comparing()
    assert len(parts.journal.entries) == parts.client.sent < 5000
