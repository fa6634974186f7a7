"""Stopping, budgets and progress of the compare task in a real Airflow."""

import time
from datetime import date

from devstack.airflow_tasks import process_of
from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from tests.dags.conftest import DAG
from tests.dags.test_nightly import task_of
from tests.waiting import wait_until


def day(number: int) -> date:
    return date(2026, 4, number)


def instance(run_id: str, task_id: str) -> str:
    return f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task_id}"


def test_a_task_marked_failed_while_it_runs_ends_in_seconds_and_pays_for_nothing_twice(nights, pairs):
    pairs(day(1), 900)
    before = nights.service.meter()["billed"]
    run_id = nights.start(day(1), max_shards=1, calls_in_flight=4)  # 9 s of calls
    wait_until(lambda: nights.service.meter()["billed"] - before > 100, "100 calls", seconds=90)
    process = process_of(task_of(nights, run_id, "compare", 0))
    assert process is not None
    nights.airflow._send("PATCH", f"{instance(run_id, 'compare')}/0", body={"new_state": "failed"})
    marked_at = time.monotonic()
    wait_until(lambda: not process.is_running(), "the end of the task", seconds=20)
    assert time.monotonic() - marked_at < 5 + 5  # one heartbeat, and what on_kill may take
    assert nights.airflow.wait(DAG, run_id, seconds=60) == "failed"

    body = {"dag_run_id": run_id, "task_ids": ["compare"], "include_downstream": True, "dry_run": False}
    body |= {"only_failed": False, "reset_dag_runs": True}
    nights.airflow._send("POST", f"/dags/{DAG}/clearTaskInstances", body=body)
    wait_until(lambda: nights.airflow.run_state(DAG, run_id) != "failed", "the run begun anew", seconds=90)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    assert len(nights.outcomes(day(1))) == 900
    assert nights.service.meter()["billed"] - before == 900


def test_progress_is_seen_while_the_task_runs_and_kept_at_its_end(nights, pairs):
    pairs(day(2), 900)
    run_id = nights.start(day(2), max_shards=1, calls_in_flight=4)  # 9 s of calls
    store = f"{instance(run_id, 'compare')}/state-store/progress"

    def seen():
        answer = nights.airflow._send("GET", store, query={"map_index": 0}, allowed=(404,))
        return None if answer.status_code == 404 else answer.json()["value"]

    wait_until(lambda: seen() is not None, "progress in the store of Airflow", seconds=90)
    assert 0 < seen()["done"] < 900
    assert task_of(nights, run_id, "compare", 0)["state"] == "running"
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    assert (seen()["done"], seen()["total"]) == (900, 900)
    kept = nights.airflow._send(
        "GET", f"{instance(run_id, 'compare')}/xcomEntries/progress", query={"map_index": 0}
    ).json()
    assert kept["value"] == seen()
    assert "of 900 pairs" in nights.airflow.task_log(DAG, run_id, "compare", map_index=0)


def test_a_run_at_its_budget_fails_at_once_with_the_cure_and_spends_no_more(nights, pairs):
    pairs(day(3), 120)
    before = nights.service.meter()["billed"]
    state, run_id = nights.run(day(3), budget_calls=40, max_shards=1)
    assert state == "failed"
    assert task_of(nights, run_id, "compare", 0)["try_number"] == 1
    assert nights.service.meter()["billed"] - before <= 40
    log = nights.airflow.task_log(DAG, run_id, "compare", map_index=0)
    assert f"the budget of the run {run_id} is spent" in log


def test_a_drained_run_fails_without_another_try(nights, pairs):
    pairs(day(4), 900)
    coordinator = open_coordinator(
        f"sqlite:///{nights.home}/permits.sqlite3",
        secret_id=nights.service.secret_id,
        calls_per_second=200,
        clock=SystemClock(),
    )
    run_id = nights.start(day(4), max_shards=1, calls_in_flight=4)  # 9 s of calls
    wait_until(
        lambda: any(user.run_id == run_id for user in coordinator.snapshot().users),
        "the run among the users of the permit store",
        seconds=90,
    )
    assert {user.priority for user in coordinator.snapshot().users if user.run_id == run_id} == {"ad_hoc"}
    coordinator.drain(run_id)
    assert nights.airflow.wait(DAG, run_id, seconds=60) == "failed"
    assert task_of(nights, run_id, "compare", 0)["try_number"] == 1
    assert "was drained" in nights.airflow.task_log(DAG, run_id, "compare", map_index=0)
    coordinator.resume()
    coordinator.close()
