from datetime import UTC, datetime

from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Status


def test_only_infrastructure_failures_are_called_again():
    final = {
        name: Outcome(pair_id="p", reason=Reason(failure_class=name, code="c", message="m")).is_final
        for name in FailureClass
    }
    assert final == {
        FailureClass.BIOMETRIC: True,
        FailureClass.DATA: True,
        FailureClass.INFRASTRUCTURE: False,
        FailureClass.POLICY: True,
    }


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
