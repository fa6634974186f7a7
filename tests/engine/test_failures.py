import threading
from contextlib import nullcontext

import pytest

from maskmatch.core.codes import Action, Billed, ThrottleScope, table
from maskmatch.core.errors import SourceWaits, StopRun, Unavailable
from maskmatch.core.outcomes import FINAL_FAILURES
from maskmatch.engine.run import compare_pairs
from maskmatch.engine.work import RetryLimits
from tests.engine.engines import engine, numbered
from tests.fakes import FakeComparer, FakeImages

TRIED_AGAIN = {Action.RETRY, Action.THROTTLE}


def compare_one(parts):
    compare_pairs(numbered("a"), parts)
    (outcome,) = parts.journal.outcomes
    return outcome


def scripted(*codes, **changes):
    return engine(client=FakeComparer({"a": list(codes)}), **changes)


@pytest.mark.parametrize("rule", table().values(), ids=lambda rule: rule.code)
def test_every_code_answered_once_leads_to_the_step_of_the_table_and_the_books_balance(rule):
    parts = scripted(rule.code)
    stops = rule.action is Action.STOP_RUN or rule.code == "AuthFailure.TokenFailure"
    if stops:
        with pytest.raises(StopRun) as caught:
            compare_pairs(numbered("a"), parts)
        assert rule.meaning in str(caught.value)
    else:
        compare_pairs(numbered("a"), parts)
    (outcome,) = parts.journal.outcomes
    is_scored = rule.action in TRIED_AGAIN or rule.code == "AuthFailure.SignatureExpire"
    assert (outcome.score is not None) == is_scored
    assert outcome.is_final == (is_scored or (not stops and rule.failure_code in FINAL_FAILURES))
    assert outcome.calls.attempts == parts.client.sent == 1 + is_scored
    assert outcome.calls.billed == parts.client.billed
    assert outcome.calls.maybe_billed == (rule.billed is Billed.UNKNOWN)
    assert parts.permits.given_back == (rule.billed is Billed.NO)
    assert len(parts.journal.durable) == (rule.billed is Billed.UNKNOWN and is_scored)
    assert len(parts.permits.scopes) == (rule.action is Action.THROTTLE)


@pytest.mark.parametrize("rule", table().values(), ids=lambda rule: rule.code)
def test_every_code_answered_for_ever_ends_within_its_tries(rule):
    parts = scripted(*[rule.code] * 400, limits=RetryLimits(seconds=60))
    parts.client.credentials = 9
    stops = rule.action in {Action.STOP_RUN, Action.REFRESH_CREDENTIAL}
    with pytest.raises(StopRun) if stops else nullcontext():
        compare_pairs(numbered("a"), parts)
    sent = parts.client.sent
    assert sent == rule.attempts if rule.action is not Action.THROTTLE else 5 < sent < 400
    (outcome,) = parts.journal.outcomes
    assert outcome.calls.attempts == sent
    assert outcome.calls.maybe_billed == sent * (rule.billed is Billed.UNKNOWN)
    assert parts.permits.given_back == sent * (rule.billed is Billed.NO)


def test_a_transient_error_is_tried_again_and_each_try_takes_a_permit():
    parts = scripted("InternalError", "FailedOperation.RpcFail")
    outcome = compare_one(parts)
    assert (outcome.score, outcome.calls.attempts, outcome.calls.billed) == (77.0, 3, 1)
    assert (parts.permits.granted, parts.permits.given_back) == (3, 2)


def test_tries_go_behind_fresh_pairs():
    parts = scripted("InternalError", calls_in_flight=1)
    compare_pairs(numbered("a", *map(str, range(20))), parts)
    assert parts.client.calls == ["a", *map(str, range(20)), "a"]


def test_images_of_a_pair_that_waits_are_not_kept_but_loaded_again():
    parts = scripted("InternalError", "InternalError")
    loaded = []
    load = parts.images.load
    parts.images.load = lambda image_id: loaded.append(image_id) or load(image_id)
    compare_one(parts)
    assert loaded == ["of-a", "a"] * 3


def test_tries_are_bounded_by_the_time_of_trying_them():
    parts = scripted(*["InternalError"] * 50, limits=RetryLimits(seconds=0.3), jitter=lambda: 1.0)
    assert compare_one(parts).calls.attempts == 2


def test_time_spent_behind_fresh_pairs_is_not_counted():
    parts = scripted(
        *["InternalError"] * 3, limits=RetryLimits(seconds=9), jitter=lambda: 1.0, calls_in_flight=1
    )
    parts.client.on_call = lambda: parts.clock.sleep(0.4 if parts.client.calls[-1] == "a" else 3)
    compare_pairs(numbered("a", *map(str, range(9))), parts)
    assert [o.score for o in parts.journal.outcomes] == [77.0] * 10
    assert parts.clock.now() > 1027


def test_a_refusal_for_the_rate_costs_no_attempt_and_tells_the_permit_store_its_scope():
    codes = ["RequestLimitExceeded"] * 15 + ["RequestLimitExceeded.IPLimitExceeded"]
    parts = scripted(*codes)
    outcome = compare_one(parts)
    assert (outcome.score, outcome.calls.attempts) == (77.0, 17)
    assert parts.permits.scopes == [ThrottleScope.ACCOUNT] * 15 + [ThrottleScope.IP]


def test_an_answer_that_never_came_is_durable_as_perhaps_billed_before_the_pair_is_called_again():
    parts = scripted("ClientNetworkError", "ConnectionError", "InternalError")
    durable_at_call = []
    parts.client.on_call = lambda: durable_at_call.append(len(parts.journal.durable))
    compare_pairs(numbered("a"), parts)
    assert durable_at_call == [0, 1, 2, 2]
    assert [(o.is_final, o.calls.attempt, o.calls.maybe_billed) for o in parts.journal.entries] == [
        (False, 1, 1),
        (False, 2, 1),
        (False, 3, 0),
        (True, 4, 0),
    ]
    assert parts.progress.calls == {"attempts": 4, "billed": 1, "maybe_billed": 2}
    assert parts.progress.done == 1


def test_an_entry_that_cannot_be_made_durable_ends_the_run_before_the_pair_is_called_again():
    parts = scripted("ClientNetworkError")

    def away():
        raise Unavailable("the journal is away")

    parts.journal.flush = away
    with pytest.raises(Unavailable, match="the journal is away"):
        compare_pairs(numbered("a"), parts)
    assert parts.client.sent == 1


def test_an_expired_signature_is_signed_anew_at_once_then_stops_the_run():
    once = scripted("AuthFailure.SignatureExpire", calls_in_flight=1)
    compare_pairs(numbered("a", *map(str, range(9))), once)
    assert once.client.calls[:3].count("a") == 2
    always = scripted(*["AuthFailure.SignatureExpire"] * 9)
    with pytest.raises(StopRun, match="NTP"):
        compare_pairs(numbered("a"), always)
    assert (always.client.sent, always.client.refreshed) == (2, 0)


def test_an_expired_token_is_renewed_once_for_all_calls_that_met_it():
    parts = scripted("AuthFailure.TokenFailure", calls_in_flight=4)
    parts.client.scripts |= {name: ["AuthFailure.TokenFailure"] for name in "bcd"}
    parts.client.credentials = 1
    barrier = threading.Barrier(4)
    parts.client.on_call = lambda: parts.client.sent <= 4 and barrier.wait(5)
    compare_pairs(numbered(*"abcd"), parts)
    assert (parts.client.sent, parts.client.refreshed) == (8, 1)
    assert parts.progress.counts == {"scored": 4}


def test_an_expired_token_without_a_newer_one_stops_the_run_with_the_cure():
    parts = scripted("AuthFailure.TokenFailure")
    with pytest.raises(StopRun, match="renew session_token in the connection"):
        compare_pairs(numbered("a"), parts)
    assert (parts.client.sent, parts.client.refreshed) == (1, 1)


def test_a_newer_token_that_is_refused_too_stops_the_run():
    parts = scripted(*["AuthFailure.TokenFailure"] * 9)
    parts.client.credentials = 5
    with pytest.raises(StopRun, match="renew session_token"):
        compare_pairs(numbered("a"), parts)
    assert parts.client.sent == 2


def test_an_unknown_code_is_told_once_and_counted_each_time():
    said = []
    parts = scripted("FailedOperation.NewOne", "FailedOperation.NewOne", warn=said.append)
    parts.client.scripts["b"] = ["FailedOperation.NewOne", "InvalidParameterValue.Odd"]
    compare_pairs(numbered("a", "b"), parts)
    assert parts.progress.unknown_codes == {"FailedOperation.NewOne": 3, "InvalidParameterValue.Odd": 1}
    assert len(said) == 2
    assert "unknown code, treated as retry: FailedOperation.NewOne" in said[0]


def test_one_refused_connection_among_answers_fails_its_pair_and_not_the_run():
    parts = scripted(*["ClientNetworkError!"] * 9, calls_in_flight=1)
    compare_pairs(numbered(*map(str, range(20)), "a"), parts)
    outcome = parts.journal.outcomes[-1]
    assert outcome.reason is not None
    assert (outcome.reason.code, outcome.is_final, outcome.calls.attempts) == ("network_error", False, 0)
    assert parts.permits.given_back == 5


def test_a_service_that_was_never_reached_ends_the_run_at_once_and_leaves_no_entry():
    parts = engine(client=FakeComparer({str(n): ["ClientNetworkError!"] * 99 for n in range(1000)}))
    with pytest.raises(Unavailable, match="cannot be reached"):
        compare_pairs(numbered(*map(str, range(1000))), parts)
    assert parts.permits.granted < 30
    assert parts.journal.entries == []


def test_few_pairs_that_cannot_be_called_at_all_end_the_run_too():
    parts = scripted(*["ClientNetworkError!"] * 9)
    with pytest.raises(Unavailable, match="cannot be reached"):
        compare_pairs(numbered("a"), parts)
    assert (parts.permits.granted, parts.permits.given_back, parts.journal.entries) == (5, 5, [])


NOT_FETCHED = "FailedOperation.ImageDownloadError"


class LookedAt(FakeImages):
    """Images that are kept until they are forgotten; then the store says what it has to say, in turn."""

    def __init__(self, *says):
        super().__init__()
        self.says, self.kept, self.looks = list(says), set(), 0

    def forget(self, image_id):
        self.kept.discard(image_id)
        return True

    def load(self, image_id):
        if image_id not in self.kept:
            self.looks += 1
            if self.looks > 2 and self.says and (error := self.says.pop(0)):
                raise error
            self.kept.add(image_id)
        return super().load(image_id)


def test_an_image_that_the_vendor_cannot_fetch_is_looked_at_anew_before_each_call_and_before_it_fails():
    images = LookedAt()
    parts = scripted(*[NOT_FETCHED] * 9, images=images, forget=images.forget)
    outcome = compare_one(parts)
    assert (outcome.reason.code, outcome.is_final) == ("image_download_failed", False)
    assert (parts.client.sent, outcome.calls.attempts) == (3, 3)
    assert images.looks == 2 * (1 + 3)


def test_calls_in_vain_cost_no_attempt_when_it_turns_out_that_the_source_is_in_trouble():
    waits = SourceWaits("the source is away", is_sure=True)
    images = LookedAt(*[None] * 4, waits, waits)
    parts = scripted(*[NOT_FETCHED] * 5, images=images, forget=images.forget)
    outcome = compare_one(parts)
    assert outcome.score == 77.0
    assert (parts.client.sent, outcome.calls.billed) == (6, 1)


def test_a_public_address_that_the_vendor_cannot_fetch_is_tried_as_often_as_the_table_says():
    parts = scripted(*[NOT_FETCHED] * 9)
    assert compare_one(parts).reason.code == "image_download_failed"
    assert parts.client.sent == 3
