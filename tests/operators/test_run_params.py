"""The log of a plan says which Params took effect, and where each comes from."""

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.operators.run_params import OVERRIDE, params_of_run
from tests.operators.running import context_of_run


def lines(*args, **kwargs):
    """Return the lines, each told as one."""
    told = params_of_run(context_of_run(*args, **kwargs)).lines()
    assert all(len(line) <= 100 for each in told for line in each.splitlines())
    return [" ".join(each.split()) for each in told]


def test_params_are_told_by_who_has_set_them():
    entered, installed, others = lines(
        {"budget_calls": 40, "quality_control": 0}, params={"max_shards": 2, "same_image": "call"}
    )
    assert entered == "Params that were entered (trigger form, API or command line): budget_calls 40"
    assert "its Dag file): source s3://in, warehouse s3://out, max_shards 2" in installed
    assert "quality_control 0, " in others
    assert "same_image call" in others
    assert "budget_cny empty" in others
    assert "budget_calls" not in others


def test_an_empty_value_that_was_entered_in_place_of_a_default_is_told():
    assert lines({"budget_calls": None}, params={"budget_calls": 9})[0].endswith(": budget_calls empty")


@pytest.mark.parametrize("conf", [None, {}])
def test_a_backfill_that_sent_nothing_says_what_must_be_ticked(conf):
    told = lines(conf, run_type="backfill")
    assert told[0].endswith(": none")
    assert OVERRIDE in told[-1]
    assert OVERRIDE not in lines({"plan_only": True}, run_type="backfill")[-1]
    assert OVERRIDE not in lines(conf, run_type="scheduled")[-1]


def test_a_cleared_run_says_that_its_params_are_kept():
    assert lines({"budget_calls": 40}, cleared=1)[-1].startswith("cleared, which keeps the Params of a run")


def test_a_name_that_is_no_param_is_told_without_its_value_and_one_that_is_mistyped_is_refused():
    told = lines({"budget_cals": 987654, "k": "v"})
    assert told[-1] == "entered, but no Param and without effect: k"
    assert not any("987654" in line for line in told)
    mistyped = params_of_run(context_of_run({"budget_cals": 987654}))
    with pytest.raises(WrongSetting, match=r"^task plan: budget_cals .* did you mean budget_calls\?$"):
        mistyped.refuse_mistyped(place="task plan")
    params_of_run(context_of_run({"k": "v"})).refuse_mistyped(place="task plan")


def test_conf_that_airflow_is_told_to_ignore_is_not_told_as_in_effect(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", "False")
    assert lines({"budget_calls": 40})[0].endswith(": none")
