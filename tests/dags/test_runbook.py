"""What the runbook says about Params, budgets and thresholds, done as it says on a real Airflow."""

import json
import shlex
from datetime import UTC, date, datetime

from tests.dags.conftest import DAG


def day(number: int) -> date:
    return date(2026, 9, number)


def clear(nights, run_id, task_id):
    body = {"dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True, "dry_run": False}
    body |= {"only_failed": False, "reset_dag_runs": True}
    nights.airflow._send("POST", f"/dags/{DAG}/clearTaskInstances", body=body)


def ended(nights, run_id):
    return nights.airflow.wait(DAG, run_id, seconds=240)


def log(nights, run_id, task_id, *, try_number=1):
    at = {"map_index": 0} if task_id == "compare" else {}
    return nights.airflow.task_log(DAG, run_id, task_id, try_number=try_number, **at)


def command_in(text):
    """Return the options of the command in a log."""
    lines = [line.rstrip(" \\") for line in text[text.index("airflow backfill create") :].splitlines()[:3]]
    words = shlex.split(" ".join(lines))
    return dict(zip(words[3::2], words[4::2], strict=True))


def backfill(nights, told, **options):
    """Create the backfill of a command, as the page and the command do, and wait for its runs."""
    first, last = (datetime.fromisoformat(told[name]) for name in ("--from-date", "--to-date"))
    behaviour = {"reprocess_behavior": told["--reprocess-behavior"]}
    made = nights.airflow.backfill(DAG, first, last, **behaviour, **options)
    nights.airflow.wait_for_backfill(made, seconds=300)
    return made


def cancel(nights, made):
    """Close a backfill, so that the next one need not wait for Airflow to do so."""
    nights.airflow._send("PUT", f"/backfills/{made}/cancel", allowed=(409,))


def spent(nights, pairs, at):
    """Let a run spend its budget of 20 calls for 60 pairs; return its id."""
    pairs(at, 60)
    state, run_id = nights.run(at, budget_calls=20, max_shards=1)
    assert state == "failed"
    return run_id


def test_a_clear_keeps_the_spent_budget_as_it_says(nights, pairs):
    run_id = spent(nights, pairs, day(4))
    assert "Params that were entered (trigger form, API or command line):" in log(nights, run_id, "plan")
    assert "budget_calls 20" in log(nights, run_id, "plan")
    clear(nights, run_id, "plan")
    assert ended(nights, run_id) == "failed"
    assert "cleared, which keeps the Params of a run" in log(nights, run_id, "plan", try_number=2)


def test_a_backfill_raises_a_spent_budget_only_when_it_overrides(nights, pairs):
    run_id = spent(nights, pairs, day(1))
    told = command_in(log(nights, run_id, "compare"))
    cancel(nights, backfill(nights, told))
    assert nights.airflow.run_state(DAG, run_id) == "failed"
    again = log(nights, run_id, "plan", try_number=2)
    assert "(this backfill, or the run before it if this one sent none)" in again
    assert "budget_calls 20" in again

    conf = json.loads(told["--dag-run-conf"]) | {"budget_calls": 80}
    cancel(nights, backfill(nights, told, dag_run_conf=conf))
    assert nights.airflow.run_state(DAG, run_id) == "success"
    assert "budget_calls 80" in log(nights, run_id, "plan", try_number=3)
    assert len(nights.outcomes(day(1))) == 60


def test_a_spent_budget_is_raised_by_a_new_run_at_another_minute_of_the_date(nights, pairs):
    before = nights.service.meter()["billed"]
    run_id = spent(nights, pairs, day(2))
    told = log(nights, run_id, "compare")
    assert "as Logical Date another minute of 2026-09-02" in " ".join(told.split())
    conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri, "budget_calls": 59}
    another = nights.airflow.trigger(DAG, datetime(2026, 9, 2, 2, 1, tzinfo=UTC), conf)
    assert ended(nights, another) == "success"
    assert len(nights.outcomes(day(2))) == 60
    assert nights.service.meter()["billed"] - before == 60, "nothing was paid again"


def test_a_backfill_of_new_dates_that_sent_nothing_says_so(nights):
    at = datetime(2026, 9, 3, tzinfo=UTC)
    told = {"--from-date": f"{at}", "--to-date": f"{at.replace(hour=23)}", "--reprocess-behavior": "none"}
    cancel(nights, backfill(nights, told))
    (run,) = [run for run in nights.airflow.runs(DAG) if "2026-09-03" in run["dag_run_id"]]
    said = log(nights, run["dag_run_id"], "plan")
    assert "this backfill sent no Params" in said
    assert "source s3://maskmatch/source" in said
