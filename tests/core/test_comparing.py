import threading

import pytest

from maskmatch.core.comparing import compare_pair, compare_pairs
from maskmatch.core.engine import Engine, RetryLimits
from maskmatch.core.errors import Interrupted, StopRun
from maskmatch.core.outcomes import FailureClass, Side, Source, Status
from maskmatch.core.pacing import Pacer
from tests.fakes import FakeClock, FakeComparer, FakeImages, FreeBroker, ListJournal, pair


def engine(**changes):
    clock = changes.pop("clock", FakeClock())
    broker = changes.pop("broker", FreeBroker(clock))
    parts = {
        "images": FakeImages(),
        "comparer": FakeComparer(),
        "pacer": Pacer(broker, calls_per_second=50, clock=clock),
        "journal": ListJournal(),
        "clock": clock,
        "calls_in_flight": 4,
    }
    return Engine(**parts | changes)


def numbered(*names):
    return list(enumerate(pair(name) for name in names))


def test_every_pair_gets_one_outcome_and_one_call():
    parts = engine()
    compare_pairs(numbered(*map(str, range(100))), parts)
    assert sorted(int(o.pair_id) for o in parts.journal.outcomes) == list(range(100))
    assert len(parts.comparer.calls) == 100
    assert {o.call_order for o in parts.journal.outcomes} == set(range(100))


def test_a_score_comes_with_the_facts_of_its_call():
    outcome = compare_pair(pair("a"), engine())
    assert (outcome.status, outcome.score, outcome.model_version) == (Status.SCORED, 77.0, "3.0")
    assert (outcome.calls.attempts, outcome.calls.billed, outcome.calls.request_id) == (1, 1, "r-2")


def test_a_missing_image_fails_the_pair_without_a_call_and_names_the_side():
    parts = engine(images=FakeImages("a"))
    outcome = compare_pair(pair("a"), parts)
    assert outcome.reason is not None
    assert (outcome.reason.code, outcome.reason.side) == ("image_missing", Side.PROBE)
    assert (outcome.source, parts.comparer.calls) == (Source.PREFLIGHT, [])


def test_a_transient_error_is_tried_again_and_each_try_takes_a_permit():
    clock = FakeClock()
    broker = FreeBroker(clock)
    comparer = FakeComparer({"a": ["InternalError", "FailedOperation.RpcFail"]})
    outcome = compare_pair(pair("a"), engine(comparer=comparer, clock=clock, broker=broker))
    assert (outcome.score, outcome.calls.attempts, outcome.calls.billed) == (77.0, 3, 1)
    assert broker.granted == 3


def test_transient_errors_are_bounded_by_attempts():
    comparer = FakeComparer({"a": ["InternalError"] * 50})
    outcome = compare_pair(pair("a"), engine(comparer=comparer))
    assert outcome.reason is not None
    assert (outcome.reason.code, outcome.reason.is_retryable) == ("vendor_error", True)
    assert outcome.calls.attempts == 5


def test_transient_errors_are_bounded_by_time():
    comparer = FakeComparer({"a": ["InternalError"] * 50})
    parts = engine(comparer=comparer, limits=RetryLimits(seconds=0.3), jitter=lambda: 1.0)
    assert compare_pair(pair("a"), parts).calls.attempts == 2


def test_throttled_calls_do_not_use_up_the_attempts_and_tell_the_broker():
    clock = FakeClock()
    broker = FreeBroker(clock)
    comparer = FakeComparer({"a": ["RequestLimitExceeded"] * 30})
    outcome = compare_pair(pair("a"), engine(comparer=comparer, clock=clock, broker=broker))
    assert (outcome.score, broker.refused, outcome.calls.attempts) == (77.0, 30, 31)


def test_an_answer_that_never_came_is_counted_as_maybe_billed():
    outcome = compare_pair(pair("a"), engine(comparer=FakeComparer({"a": ["ClientNetworkError"]})))
    assert (outcome.calls.billed, outcome.calls.maybe_billed) == (1, 1)


def test_a_photo_without_a_face_is_billed_and_never_tried_again():
    comparer = FakeComparer({"a": ["InvalidParameterValue.NoFaceInPhoto"]})
    outcome = compare_pair(pair("a"), engine(comparer=comparer))
    assert outcome.reason is not None
    assert (outcome.reason.failure_class, outcome.reason.side) == (FailureClass.BIOMETRIC, None)
    assert (outcome.calls.attempts, outcome.calls.billed) == (1, 1)


def test_an_account_error_stops_the_run_with_its_cure_and_keeps_what_is_done():
    parts = engine(comparer=FakeComparer({"7": ["ResourceUnavailable.InArrears"]}), calls_in_flight=1)
    with pytest.raises(StopRun, match="top it up"):
        compare_pairs(numbered(*map(str, range(100))), parts)
    assert [o.pair_id for o in parts.journal.outcomes] == list("0123456")


def test_an_expired_signature_is_signed_anew_once_then_stops_the_run():
    once = FakeComparer({"a": ["AuthFailure.SignatureExpire"]})
    assert compare_pair(pair("a"), engine(comparer=once)).score == 77.0
    always = FakeComparer({"a": ["AuthFailure.SignatureExpire"] * 9})
    with pytest.raises(StopRun, match="NTP"):
        compare_pair(pair("a"), engine(comparer=always))
    assert len(always.calls) == 2


def test_a_stop_ends_after_the_pairs_under_way_and_keeps_them():
    parts = engine(stop=threading.Event(), calls_in_flight=1)
    parts.comparer.on_call = lambda: len(parts.comparer.calls) == 3 and parts.stop.set()
    with pytest.raises(Interrupted):
        compare_pairs(numbered(*map(str, range(100))), parts)
    assert [o.pair_id for o in parts.journal.outcomes] == ["0", "1", "2"]


def test_a_stop_while_a_pair_is_tried_again_leaves_it_to_the_next_attempt():
    parts = engine(comparer=FakeComparer({"a": ["FailedOperation.ImageDownloadError"] * 9}))
    parts.comparer.on_call = parts.stop.set
    with pytest.raises(Interrupted):
        compare_pairs(numbered("a"), parts)
    assert (parts.journal.outcomes, len(parts.comparer.calls)) == ([], 1)


def test_what_stopped_the_others_is_what_is_raised():
    parts = engine(comparer=FakeComparer({"0": ["AuthFailure.SecretIdNotFound"]}), calls_in_flight=8)
    with pytest.raises(StopRun, match="SecretId"):
        compare_pairs(numbered(*map(str, range(100))), parts)


def test_a_journal_that_fails_stops_all_threads():
    class FullDisk(ListJournal):
        def record(self, outcome):
            raise OSError("no space left on device")

    parts = engine(journal=FullDisk())
    with pytest.raises(OSError, match="no space left"):
        compare_pairs(numbered(*map(str, range(1000))), parts)
    assert len(parts.comparer.calls) <= 8
