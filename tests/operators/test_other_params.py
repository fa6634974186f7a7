"""A run that needs other Params, as a larger budget, says what to tick and what to enter."""

import json
import shlex
from decimal import Decimal

import pytest

from maskmatch.core.errors import ApprovalMissing, InputError, ModelChanged, WrongSetting
from maskmatch.dags import redrive_failures
from maskmatch.operators.known_errors import block
from maskmatch.operators.other_params import cure_of_spent_run, or_other_params
from maskmatch.operators.run_params import OVERRIDE
from maskmatch.permits.steps.claims import Budget
from tests.operators.running import DAY, context_of_run

ANY = Budget()


def cure(context, most=ANY):
    return cure_of_spent_run(context, day=str(DAY), account="tencent_iai_default", most=most)


def command(text):
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith("airflow "))
    words = shlex.split(" ".join(line.strip(" \\") for line in lines[first:]))
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_a_budget_of_the_runs_params_is_raised_by_a_new_run_or_a_backfill_that_overrides():
    told = cure(context_of_run({"budget_calls": 40, "max_shards": 1}))
    assert "Clearing keeps the Params of the run, also budget_calls 40" in told
    assert "Trigger, Single Run: enter a larger budget_calls, and as Logical Date another minute of" in told
    assert f"from 2026-04-03 00:00 to 2026-04-03 23:59 (UTC), All Runs, tick '{OVERRIDE}'" in told
    assert "This run has, too: max_shards 1." in told
    assert command(told) == {
        "--dag-id": "nightly_comparison",
        "--reprocess-behavior": "completed",
        "--from-date": "2026-04-03T00:00+00:00",
        "--to-date": "2026-04-03T23:59+00:00",
        "--dag-run-conf": '{"max_shards": 1, "budget_calls": 80}',
    }


def test_the_command_stays_whole_in_the_block_of_the_log():
    told = block(
        "task compare", "spent", cure(context_of_run({"budget_calls": 40, "source": "s3://" + "b" * 90}))
    )
    assert json.loads(command(told)["--dag-run-conf"])["budget_calls"] == 80
    assert all(len(line) <= 100 for line in told.splitlines() if "s3://" not in line)


def test_the_dates_are_those_of_the_dags_time_zone():
    told = command(cure(context_of_run({"budget_cny": 0.5}, timezone="Asia/Shanghai")))
    assert (told["--from-date"], told["--to-date"]) == ("2026-04-03T00:00+08:00", "2026-04-03T23:59+08:00")
    assert told["--dag-run-conf"] == '{"budget_cny": 1.0}'


def test_a_dag_without_a_schedule_has_no_backfill():
    told = cure(context_of_run({"budget_calls": 40}, schedule=None))
    assert "Single Run" in told
    assert "ackfill" not in told


def test_no_more_is_proposed_than_the_connection_allows_and_what_it_allows_is_raised_first():
    below, at = (cure(context_of_run({"budget_calls": 40}), Budget(calls=most)) for most in (60, 40))
    assert command(below)["--dag-run-conf"] == '{"budget_calls": 60}'
    assert at.startswith("First raise budget_calls_per_run of connection tencent_iai_default")
    assert command(at)["--dag-run-conf"] == '{"budget_calls": 80}'


def test_a_budget_of_the_connection_is_raised_there_and_the_task_cleared():
    told = cure(context_of_run(), Budget(cny=Decimal(3)))
    assert told == (
        "Raise budget_cny_per_run of connection tencent_iai_default, then clear this task (with downstream)."
    )


def or_else(text, conf=None, problem=InputError, **dag):
    error = problem(text)
    context = context_of_run(conf, **dag)
    return or_other_params(context, error, error.cure, day=str(DAY))


def test_a_message_that_names_a_param_says_where_to_enter_it_since_a_clear_keeps_it():
    told = or_else("nothing is called; raise max_bad_rows", {"max_bad_rows": "3%", "max_shards": 1})
    assert told.startswith(InputError.cure)
    assert "does not come by clearing, which keeps the Params of the run, also max_bad_rows 3%" in told
    assert f"tick '{OVERRIDE}' and enter max_bad_rows. Without" in told
    assert "This run has, too: max_shards 1." in told
    assert "airflow backfill" not in told, "nobody knows which limit is meant"


@pytest.mark.parametrize(
    ("text", "value"),
    [("allow_empty publishes them", {"allow_empty": True}), ("plan with recompare", {"recompare": True})],
)
def test_a_param_of_which_one_value_alone_lets_pass_comes_with_the_command(text, value):
    assert json.loads(command(or_else(text))["--dag-run-conf"]) == value


def test_of_two_params_a_person_takes_one():
    told = or_else("call with recompare, or set on_model_change to go_on", problem=ModelChanged)
    assert "enter on_model_change go_on or recompare true, and as Logical Date" in told
    assert "airflow backfill" not in told


def test_a_param_that_was_entered_wrong_is_entered_anew_and_a_field_of_a_connection_is_mended_there():
    wrong = "task plan, max_bad_rows: '5 %%' is not a count or a share"
    assert "enter max_bad_rows" in or_else(wrong, problem=WrongSetting)
    at_connection = "Connection tencent_iai_default, field time_zone: 'Mars' is not a time zone"
    assert or_else(at_connection, problem=WrongSetting) == WrongSetting.cure


def test_a_dag_whose_date_is_a_param_is_triggered_anew():
    dag = redrive_failures(source="s3://in", warehouse="s3://out")
    context = context_of_run() | {"dag": dag, "params": dict.fromkeys(dag.params, "")}
    told = or_other_params(context, InputError("set manifest_encoding to gb18030"), "Mend it.", day=str(DAY))
    assert told.endswith("The Dag's page, Trigger: enter manifest_encoding, and the others as they were.")


def test_a_message_without_a_param_has_its_own_cure_alone():
    assert or_else("no manifest at s3://in/manifests/ds=2026-04-03/") == InputError.cure
    assert or_else("more than approval_cost_limit 5", problem=ApprovalMissing) == ApprovalMissing.cure
