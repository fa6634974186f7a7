"""Two Dag runs of one date in a real Airflow: both end green, and nothing is paid twice."""

from contextlib import closing
from datetime import UTC, date, datetime

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from tests.dags.conftest import DAG
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(900)
DAY = date(2026, 8, 1)


def states(nights, run_id):
    return {
        task["state"] for task in nights.airflow.task_instances(DAG, run_id) if task["task_id"] == "compare"
    }


def test_the_second_waits_without_a_slot_names_the_first_and_both_are_green(nights, pairs):
    pairs(DAY, 60)
    before = nights.service.meter()
    coordinator = open_coordinator(
        f"sqlite:///{nights.home}/permits.sqlite3",
        secret_id=nights.service.secret_id,
        calls_per_second=200,
        clock=SystemClock(),
    )
    first = nights.start(DAY)
    with closing(coordinator):
        coordinator.pause(first)  # so that it is amid its work when the other comes
        wait_until(lambda: states(nights, first) == {"running"}, "a run that compares", seconds=240)
        conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri}
        second = nights.airflow.trigger(DAG, datetime(2026, 8, 1, 9, 30, tzinfo=UTC), conf)
        wait_until(lambda: states(nights, second) == {"up_for_reschedule"}, "a run that waits", seconds=240)
        told = nights.airflow.task_state(DAG, second, "compare", "waiting", map_index=0)
        coordinator.resume(first)
    assert told["for"].startswith(f"run {first} of {DAG} compares this date")
    assert [nights.airflow.wait(DAG, run_id, seconds=240) for run_id in (first, second)] == ["success"] * 2
    assert f"run {first} of {DAG} compares this date" in nights.airflow.task_log(
        DAG, second, "compare", map_index=0
    )
    meter = nights.service.meter()
    assert meter["billed"] - before["billed"] == 60  # each pair once
    assert set(nights.outcomes(DAY)["outcome"]) == {"scored"}
