"""The nightly Dag in a real Airflow, against a real S3 store and the local service over HTTP."""

from datetime import UTC, date, datetime

import pytest

from devstack.airflow_tasks import process_of
from tests.dags.conftest import DAG
from tests.waiting import wait_until


def day(number: int) -> date:
    return date(2026, 3, number)


def task_of(nights, run_id, task_id, map_index=-1):
    found = nights.airflow.task_instances(DAG, run_id)
    return next(task for task in found if (task["task_id"], task["map_index"]) == (task_id, map_index))


def test_a_task_killed_in_the_middle_is_retried_and_loses_doubles_and_wastes_nothing(nights, pairs):
    pairs(day(1), 500)
    before = nights.service.meter()["billed"]
    run_id = nights.start(day(1), calls_in_flight=8, max_shards=1)
    wait_until(lambda: nights.service.meter()["billed"] - before > 120, "120 calls", seconds=90)
    process = process_of(task_of(nights, run_id, "compare", 0))
    assert process is not None
    process.kill()
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"

    billed = nights.service.meter()["billed"] - before
    table = nights.outcomes(day(1))
    assert task_of(nights, run_id, "compare", 0)["try_number"] == 2
    assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(500)]
    assert set(table["outcome"]) == {"scored"}
    assert 500 <= billed <= 500 + 8 + 8  # calls in flight, and one group of the journal
    log = nights.airflow.task_log(DAG, run_id, "compare", try_number=2, map_index=0)
    assert "already known" in log


def test_a_backfill_over_three_dates_publishes_each_date_right(nights, pairs):
    for number in (4, 5, 6):
        pairs(day(number), 10 * number)
    first, last = (datetime(2026, 3, number, tzinfo=UTC) for number in (4, 7))
    conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri}
    backfill = nights.airflow.backfill(DAG, first, last, dag_run_conf=conf)
    nights.airflow.wait_for_backfill(backfill, seconds=180)

    runs = [
        run
        for run in nights.airflow.runs(DAG)
        if run["run_type"] == "backfill" and first <= datetime.fromisoformat(run["logical_date"]) <= last
    ]
    assert [run["state"] for run in runs] == ["success"] * 3
    for number, run in zip((4, 5, 6), runs, strict=True):
        table = nights.outcomes(day(number))
        assert sorted(table["pair_id"]) == [f"p{n:05d}" for n in range(10 * number)]
        assert set(table["run_id"]) == {run["dag_run_id"]}


def test_a_date_without_a_manifest_fails_at_once_with_its_cure_and_writes_nothing(nights):
    state, run_id = nights.run(day(20))
    assert state == "failed"
    assert task_of(nights, run_id, "plan")["try_number"] == 1
    log = nights.airflow.task_log(DAG, run_id, "plan")
    assert "no manifest at s3://maskmatch/nights/in/manifests/ds=2026-03-20/: put one there" in log
    assert not [found for found in nights.warehouse.list("") if "2026-03-20" in found.key]


@pytest.mark.parametrize(
    ("number", "params", "cure"),
    [
        (21, {"source": "s3://no-such-bucket/x"}, "There is no such bucket: create it"),
        (22, {"warehouse": "s3://no-such-bucket/x"}, "There is no such bucket: create it"),
    ],
)
def test_a_bucket_that_is_missing_is_named_with_its_cure(nights, pairs, number, params, cure):
    pairs(day(number), 3)
    state, run_id = nights.run(day(number), **params)
    assert (state, task_of(nights, run_id, "plan")["try_number"]) == ("failed", 1)
    log = nights.airflow.task_log(DAG, run_id, "plan")
    assert "s3://no-such-bucket" in log
    assert cure in log


def test_a_manifest_of_bad_rows_alone_is_published(nights, pairs):
    pairs(day(23), 0, extra_lines=["x,images/1.jpg"])
    state, _ = nights.run(day(23))
    assert state == "success"
    assert list(nights.outcomes(day(23))["failure_code"]) == ["row_malformed"]
