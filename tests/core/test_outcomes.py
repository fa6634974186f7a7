from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Status

text = st.none() | st.text(max_size=20)
reasons = st.builds(
    Reason,
    failure_class=st.sampled_from(FailureClass),
    code=st.text(min_size=1),
    message=st.text(),
    vendor_code=text,
    side=st.none() | st.sampled_from(Side),
)
calls = st.builds(
    Calls,
    attempts=st.integers(0, 9),
    billed=st.integers(0, 2),
    request_id=text,
    called_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(st.builds(Outcome, pair_id=st.text(), score=st.none(), reason=reasons, calls=calls))
def test_a_failure_comes_back_from_its_record_as_it_was(outcome):
    assert Outcome.from_record(outcome.to_record()) == outcome


@given(st.floats(0, 100), calls)
def test_a_score_comes_back_from_its_record_as_it_was(score, made):
    outcome = Outcome(pair_id="p", score=score, model_version="3.0", calls=made, call_order=5)
    assert Outcome.from_record(outcome.to_record()) == outcome
    assert outcome.status is Status.SCORED


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
    assert Outcome(pair_id="p", score=1.0, calls=calls_made).is_final
