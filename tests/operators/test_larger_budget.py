"""A run whose own budget is spent says what to tick and what to enter."""

import json
import shlex
from decimal import Decimal

from maskmatch.operators.known_errors import block
from maskmatch.operators.larger_budget import cure_of_spent_run
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
