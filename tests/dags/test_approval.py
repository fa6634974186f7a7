"""Plan only, approval and rejection in a real Airflow; the service's meter says what was paid."""

import json
from datetime import UTC, date, datetime

import pytest

from tests.dags.conftest import DAG
from tests.dags.test_nightly import task_of
from tests.waiting import wait_until

LIMIT = 0.01
"""CNY: a plan of four pairs is above it."""


def day(number: int) -> date:
    return date(2026, 5, number)


def states(nights, run_id):
    return {task["task_id"]: task["state"] for task in nights.airflow.task_instances(DAG, run_id)}


def billed(nights):
    return nights.service.meter()["billed"]


def approvals(nights, number):
    return [
        found.key for found in nights.warehouse.list(f"work/ds={day(number)}") if "approval-" in found.key
    ]


def asked(nights, run_id, *, times=1):
    """Return what the run asks, when the scheduler knows that the asking process has ended.

    An answer before that makes Airflow 3.3.2 take the task for one that was killed: it asks again.
    """
    scheduler = nights.home / "airflow" / "logs" / "scheduler.log"
    ended = f"Received executor event with state success for task instance TaskInstanceKey(dag_id='{DAG}', "
    ended += f"task_id='approve', run_id='{run_id}'"

    def waits():
        is_asked = states(nights, run_id).get("approve") == "awaiting_input"
        return is_asked and scheduler.read_text().count(ended) == times

    wait_until(waits, "the question", seconds=90)
    return nights.airflow.question(DAG, run_id, "approve")


def test_below_the_limit_nobody_is_asked(nights, pairs):
    pairs(day(1), 5)
    state, run_id = nights.run(day(1))
    assert state == "success"
    assert states(nights, run_id)["approve"] == "skipped"
    assert nights.inbox.about(day(1)) == []
    assert nights.airflow.question(DAG, run_id, "approve") is None
    assert len(nights.outcomes(day(1))) == 5


def test_an_approved_plan_is_compared_and_is_not_asked_for_again(nights, pairs):
    pairs(day(2), 12)
    before = billed(nights)
    run_id = nights.start(day(2), approval_cost_limit=LIMIT)
    question = asked(nights, run_id)
    [post] = nights.inbox.about(day(2))
    assert (post["kind"], post["title"]) == ("approval", f"{DAG} {day(2)}: waits for approval")
    assert question["subject"] in post["text"]
    assert "/plan.html" in post["text"]
    assert len(nights.inbox.mails_about(day(2))) == 1
    forecast = nights.airflow.xcom(DAG, run_id, "plan", "forecast")
    assert question["subject"] == "2026-05-02: approve 12 calls for at most CNY 0.04?"
    assert forecast["digest"] in question["body"]
    assert "CNY 0.04 (12 x 0.0032)" in question["body"]
    assert (forecast["calls"], forecast["cost_cny"]) == (12, "0.0384")
    assert billed(nights) == before
    nights.airflow.answer(DAG, run_id, "approve", "Approve")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "success"

    assert billed(nights) - before == 12
    assert len(nights.outcomes(day(2))) == 12
    [key] = approvals(nights, 2)
    record = json.loads(nights.warehouse.get(key))
    assert (record["by"], record["digest"], record["calls"]) == ("admin", forecast["digest"], 12)
    assert run_id in record["through"]

    nights.airflow.clear(DAG, run_id, "plan")
    wait_until(lambda: nights.airflow.run_state(DAG, run_id) != "success", "the run begun anew", seconds=60)
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "success"
    assert states(nights, run_id)["approve"] == "skipped"
    assert billed(nights) - before == 12


def test_a_rejected_plan_ends_the_run_and_leaves_the_table_until_it_is_asked_again(nights, pairs):
    pairs(day(3), 4)
    assert nights.run(day(3))[0] == "success"
    table = nights.outcomes(day(3))
    pairs(day(3), 12)
    before = billed(nights)
    run_id = nights.airflow.trigger(
        DAG,
        datetime(2026, 5, 3, 3, tzinfo=UTC),
        {"source": nights.source.uri, "warehouse": nights.warehouse.uri, "approval_cost_limit": LIMIT},
    )
    asked(nights, run_id)
    nights.airflow.answer(DAG, run_id, "approve", "Reject")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "success"
    found = states(nights, run_id)
    assert {found.pop("plan"), found.pop("approve")} == {"success"}
    assert set(found) == {"compare", "publish", "report"}
    assert set(found.values()) == {"skipped"}
    assert "was rejected by admin" in nights.airflow.task_log(DAG, run_id, "approve")
    assert (billed(nights), approvals(nights, 3)) == (before, [])
    assert nights.outcomes(day(3)).equals(table)

    nights.airflow.clear(DAG, run_id, "approve")
    asked(nights, run_id, times=3)  # asked, answered, asked again
    nights.airflow.answer(DAG, run_id, "approve", "Approve")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "success"
    assert len(nights.outcomes(day(3))) == 12


def test_marking_the_question_as_success_spends_nothing(nights, pairs):
    pairs(day(4), 12)
    before = billed(nights)
    run_id = nights.start(day(4), approval_cost_limit=LIMIT)
    asked(nights, run_id)
    nights.airflow.mark(DAG, run_id, "approve", "success")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "failed"
    assert task_of(nights, run_id, "compare", 0)["try_number"] == 1
    log = nights.airflow.task_log(DAG, run_id, "compare", map_index=0)
    assert "nobody has approved it" in log
    assert "DO    Clear the task approve (with downstream)" in log
    assert (billed(nights), approvals(nights, 4)) == (before, [])


def test_an_answer_to_a_plan_that_was_made_anew_meanwhile_lets_the_new_one_not_be_called(nights, pairs):
    pairs(day(5), 12)
    before = billed(nights)
    run_id = nights.start(day(5), approval_cost_limit=LIMIT)
    asked(nights, run_id)
    pairs(day(5), 14)
    body = {"dag_run_id": run_id, "task_ids": ["plan"], "dry_run": False, "only_failed": False}
    nights.airflow._send("POST", f"/dags/{DAG}/clearTaskInstances", body=body)

    def forecast():
        is_done = states(nights, run_id)["plan"] == "success"
        return nights.airflow.xcom(DAG, run_id, "plan", "forecast")["calls"] if is_done else None

    wait_until(lambda: forecast() == 14, "the other plan", seconds=90)
    nights.airflow.answer(DAG, run_id, "approve", "Approve")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "failed"
    assert "nobody has approved it" in nights.airflow.task_log(DAG, run_id, "compare", map_index=0)
    assert billed(nights) == before


def test_an_answer_approves_no_plan_that_was_put_in_the_place_of_the_one_asked_about(nights, pairs):
    pairs(day(8), 12)
    before = billed(nights)
    run_id = nights.start(day(8), approval_cost_limit=LIMIT)
    asked(nights, run_id)
    other = nights.airflow.xcom(DAG, run_id, "approve", "asked") | {"digest": "f" * 64}
    entry = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/xcomEntries/asked"
    nights.airflow._send("PATCH", entry, body={"value": other, "map_index": -1})
    nights.airflow.answer(DAG, run_id, "approve", "Approve")
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "failed"
    assert "this run has not asked about plan ffff" in nights.airflow.task_log(DAG, run_id, "approve")
    assert (billed(nights), approvals(nights, 8)) == (before, [])


def test_a_backfill_that_only_plans_forecasts_its_dates_and_another_one_compares_them(nights, pairs):
    for number in (11, 12):
        pairs(day(number), 10)
    before = billed(nights)
    conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri}

    def backfill(**more):
        first, last = (datetime(2026, 5, number, tzinfo=UTC) for number in (11, 13))
        conf_of_runs = {"dag_run_conf": {**conf, **more}, "reprocess_behavior": "completed"}
        nights.airflow.wait_for_backfill(
            nights.airflow.backfill(DAG, first, last, **conf_of_runs), seconds=180
        )
        runs = [run["dag_run_id"] for run in nights.airflow.runs(DAG) if "__2026-05-1" in run["dag_run_id"]]
        assert len(runs) == 2
        return sorted(runs)

    for number, run_id in zip(
        (11, 12), backfill(plan_only=True, deadline="08:00", time_zone="Asia/Shanghai"), strict=True
    ):
        found = states(nights, run_id)
        assert found.pop("plan") == "success"
        assert set(found.values()) == {"skipped"}
        assert nights.airflow.run_state(DAG, run_id) == "success"
        forecast = nights.airflow.xcom(DAG, run_id, "plan", "forecast")
        assert (forecast["calls"], forecast["days"]) == (10, [str(day(number))])
        assert forecast["is_in_time"]
        page = nights.warehouse.get(forecast["page"].removeprefix(f"{nights.warehouse.uri}/")).decode()
        assert "10 calls" in page
        assert not list(nights.warehouse.list(f"outcomes/current/ds={day(number)}"))
    assert billed(nights) == before

    wait_until(lambda: not _open_backfills(nights), "the end of the first backfill", seconds=90)
    for number, _ in zip((11, 12), backfill(plan_only=False), strict=True):
        assert len(nights.outcomes(day(number))) == 10
    assert billed(nights) - before == 20


def _open_backfills(nights):
    found = nights.airflow._send("GET", "/backfills", query={"dag_id": DAG}).json()["backfills"]
    return [each for each in found if each["completed_at"] is None]


@pytest.mark.parametrize("task", ["compare", "publish"])
def test_clearing_a_task_that_a_plan_only_run_has_skipped_calls_nothing(nights, pairs, task):
    number = {"compare": 15, "publish": 16}[task]
    pairs(day(number), 5)
    before = billed(nights)
    _, run_id = nights.run(day(number), plan_only=True)
    nights.airflow.clear(DAG, run_id, task)
    wait_until(lambda: nights.airflow.run_state(DAG, run_id) != "success", "the run begun anew", seconds=60)
    assert nights.airflow.wait(DAG, run_id, seconds=120) == "success"
    assert billed(nights) == before
