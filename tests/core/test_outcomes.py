from datetime import UTC, datetime

from maskmatch.core.codes import Action, Billed, table
from maskmatch.core.errors import IMAGE_CODES
from maskmatch.core.outcomes import FINAL_FAILURES, Calls, FailureClass, Outcome, Reason, Status


def is_final(code: str) -> bool:
    reason = Reason(failure_class=FailureClass.DATA, code=code, message="m")
    return Outcome(pair_id="p", reason=reason).is_final


def test_a_failure_is_final_only_when_it_belongs_to_the_bytes_of_an_image():
    of_an_image = (Action.FAIL_IMAGE, Action.FAIL_PAIR)
    for rule in table().values():
        if rule.action in of_an_image and rule.failure_class in (FailureClass.BIOMETRIC, FailureClass.DATA):
            assert is_final(rule.failure_code) == (rule.failure_code not in ("url_invalid", "value_refused"))
        else:
            assert not is_final(rule.failure_code)
        assert is_final(rule.failure_code) or rule.billed is not Billed.YES or rule.action is Action.RETRY
    assert not any(is_final(code) for code in IMAGE_CODES)
    assert {rule.failure_code for rule in table().values()} >= FINAL_FAILURES


def test_a_scored_pair_is_final():
    calls_made = Calls(attempts=1, billed=1, called_at=datetime(2026, 1, 1, tzinfo=UTC))
    outcome = Outcome(pair_id="p", score=1.0, calls=calls_made)
    assert (outcome.is_final, outcome.status) == (True, Status.SCORED)


def test_calls_are_added_up_and_tell_of_the_last():
    first = Calls(attempts=1, maybe_billed=1, attempt=1, request_id="r-1")
    second = Calls(attempts=1, billed=1, attempt=2, request_id="r-2")
    both = Calls(attempts=2, billed=1, maybe_billed=1, attempt=2, request_id="r-2")
    assert second.after(first) == both
    assert Calls().after(both) == both  # an end that took no call
