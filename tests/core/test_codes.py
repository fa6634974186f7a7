import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.iai.v20200303 import errorcodes

from maskmatch.core.codes import Action, Billed, rule_for, table
from maskmatch.core.outcomes import FailureClass

SDK_CODES = sorted(value for name, value in vars(errorcodes).items() if name.isupper())


def test_the_sdk_publishes_codes_at_all():
    assert len(SDK_CODES) > 90


@pytest.mark.parametrize("code", SDK_CODES)
def test_every_code_of_the_sdk_is_in_the_table(code):
    assert rule_for(code).known


def test_the_table_holds_all_142_codes_and_each_says_what_it_means():
    assert len(table()) == 142
    assert all(rule.meaning.endswith(".") and rule.attempts >= 1 for rule in table().values())


def test_only_the_face_less_photo_is_billed_among_the_answers_of_the_vendor():
    billed = {code for code, rule in table().items() if rule.billed is Billed.YES}
    assert billed == {"InvalidParameterValue.NoFaceInPhoto"}


def test_a_call_is_never_tried_twice_unless_its_action_is_to_retry():
    again = {Action.RETRY, Action.REFRESH_CREDENTIAL}
    assert all((rule.attempts > 1) == (rule.action in again) for rule in table().values())


def test_what_stops_the_run_is_never_counted_as_failure_to_acquire():
    stops = [rule for rule in table().values() if rule.action is Action.STOP_RUN]
    assert stops
    assert all(rule.failure_class is FailureClass.POLICY for rule in stops)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("RequestLimitExceeded.SomethingNew", Action.THROTTLE),
        ("AuthFailure.SomethingNew", Action.STOP_RUN),
        ("UnauthorizedOperation.Cam", Action.STOP_RUN),
        ("ResourceUnavailable.SomethingNew", Action.STOP_RUN),
        ("InternalError.SomethingNew", Action.RETRY),
        ("InvalidParameterValue.SomethingNew", Action.FAIL_PAIR),
        ("MissingParameter.SomethingNew", Action.FAIL_PAIR),
        ("Gibberish", Action.RETRY),
    ],
)
def test_an_unknown_code_is_classified_by_its_prefix_and_marked(code, action):
    rule = rule_for(code)
    assert (rule.action, rule.known, rule.code) == (action, False, code)


@given(st.text())
def test_any_text_at_all_gets_a_rule(code):
    assert rule_for(code).code == code
