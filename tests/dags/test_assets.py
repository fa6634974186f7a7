"""Events of assets start runs, and runs send events, in a real Airflow."""

from datetime import UTC, date, datetime

import pytest

from maskmatch.storage.tables import read_table
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(900)
STARTER, DAG, AFTER = "compare_on_assets", "by_assets", "after_publication"


def asset_id(nights, name):
    found = nights.airflow._send("GET", "/assets", query={"name_pattern": name}).json()["assets"]
    return next(asset["id"] for asset in found if asset["name"] == name)


def read_events(nights):
    """Return what the Dag that a publication starts has read, by date."""
    done = [run["dag_run_id"] for run in nights.airflow.runs(AFTER) if run["state"] == "success"]
    read = [nights.airflow.xcom(AFTER, run_id, "read_events", "return_value") for run_id in done]
    return {extra["date"]: extra for extras in read for extra in extras}


def started(nights):
    runs = [run["dag_run_id"] for run in nights.airflow.runs(STARTER)]
    found = [task for run_id in runs for task in nights.airflow.task_instances(STARTER, run_id)]
    return [task for task in found if task["task_id"] == "start"]


def test_events_that_come_together_start_a_run_for_each_date_and_each_run_tells_what_it_published(
    nights, pairs
):
    days = [date(2026, 2, 21), date(2026, 2, 22)]
    for day, count in zip(days, (4, 6), strict=True):
        pairs(day, count)
    for dag in (DAG, STARTER):
        nights.airflow.wait_for_dag(dag)
        nights.airflow.unpause(dag)
    written = asset_id(nights, "manifests_written")
    for extra in ({"date": str(days[0])}, {"rows": 3}, {"date": str(days[1])}):
        nights.airflow._send("POST", "/assets/events", body={"asset_id": written, "extra": extra})

    def begun():
        return nights.airflow.runs(DAG)

    wait_until(lambda: len(begun()) == 2, "two runs", seconds=240)
    wait_until(
        lambda: any(task["state"] == "failed" for task in started(nights)), "a wrong event", seconds=240
    )
    assert {run["run_type"] for run in begun()} == {"operator_triggered"}
    ended = {run["logical_date"][:10]: run["dag_run_id"] for run in begun()}
    assert {nights.airflow.wait(DAG, run_id, seconds=240) for run_id in ended.values()} == {"success"}
    assert [len(nights.outcomes(day)) for day in days] == [4, 6]

    (wrong,) = [task for task in started(nights) if task["state"] == "failed"]
    assert wrong["try_number"] == 1
    said = nights.airflow.task_log(
        STARTER, wrong["dag_run_id"], "start", try_number=1, map_index=wrong["map_index"]
    )
    assert "DO    Let its sender give the extra" in said

    outcomes = asset_id(nights, "s3://maskmatch/nights/out/outcomes")
    sent = nights.airflow._send("GET", "/assets/events", query={"asset_id": outcomes}).json()["asset_events"]
    facts = {event["source_run_id"]: event["extra"] for event in sent}
    for day, rows in zip(days, (4, 6), strict=True):
        told = facts[ended[str(day)]]
        assert (told["date"], told["rows"], told["scored"], told["failed"]) == (str(day), rows, rows, 0)
        assert told["table"] == f"{nights.warehouse.uri}/outcomes/current/ds={day}/data.parquet"


def test_each_publication_starts_the_dag_of_the_document_which_reads_it(nights, pairs):
    for dag in (DAG, AFTER):
        nights.airflow.wait_for_dag(dag)
        nights.airflow.unpause(dag)
    for day, count in ((date(2026, 2, 23), 4), (date(2026, 2, 24), 6)):
        pairs(day, count)
        run_id = nights.airflow.trigger(DAG, datetime(day.year, day.month, day.day, 2, tzinfo=UTC), {})
        assert nights.airflow.wait(DAG, run_id, seconds=240) == "success"
        wait_until(lambda at=str(day): at in read_events(nights), f"a run that read {day}", seconds=240)
        read = read_events(nights)[str(day)]
        (row,) = read_table(nights.warehouse, "runs", day).to_pylist()
        assert (read["rows"], read["publication"]) == (count, row["publication"])
        assert (read["scored"], read["cost_cny"]) == (count, str(row["cost"]))
