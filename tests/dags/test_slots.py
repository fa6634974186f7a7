"""Who gets the slots of a real scheduler, and which dates a backfill has."""

import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime

import pytest

from devstack.project import project_root
from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from tests.dags.conftest import BACKFILL_SLOTS, DAG
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(900)
DATES = [date(2026, 7, number) for number in (1, 2, 3, 4)]
HELD, BY_HAND, LATER = date(2026, 7, 10), date(2026, 7, 11), date(2026, 7, 12)


def at(day):
    return datetime(day.year, day.month, day.day, 2, tzinfo=UTC)


def run_id_of(day):
    return f"backfill__{at(day).isoformat()}"


def tasks(nights, run_ids, task_id):
    found = [task for run_id in run_ids for task in nights.airflow.task_instances(DAG, run_id)]
    return [task for task in found if task["task_id"] == task_id]


def running(nights, run_ids, task_id="compare"):
    return [task for task in tasks(nights, run_ids, task_id) if task["state"] == "running"]


@pytest.fixture
def permits(nights):
    """Orders to runs; those that are paused hold their slots and call nothing."""
    coordinator = open_coordinator(
        f"sqlite:///{nights.home}/permits.sqlite3",
        secret_id=nights.service.secret_id,
        calls_per_second=200,
        clock=SystemClock(),
    )
    with closing(coordinator):
        yield coordinator
        coordinator.resume()


def test_while_four_dates_of_a_backfill_hold_slots_a_run_by_hand_starts_and_overtakes(nights, pairs, permits):
    back = [run_id_of(day) for day in DATES]
    for day in (*DATES, HELD, BY_HAND, LATER):
        pairs(day, 20)
    for run_id in back:
        permits.pause(run_id)
    conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri, "max_shards": 1}
    backfill = nights.airflow.backfill(DAG, at(DATES[0]), at(DATES[-1]), dag_run_conf=conf, max_active_runs=4)
    wait_until(
        lambda: len(running(nights, back)) == BACKFILL_SLOTS, "backfills in all their slots", seconds=240
    )

    assert nights.run(BY_HAND)[0] == "success"  # in the slot that is left
    assert len(running(nights, back)) == BACKFILL_SLOTS
    assert {task["pool"] for task in tasks(nights, back, "plan")} == {"maskmatch_backfill"}

    held = nights.start(HELD, max_shards=1)
    permits.pause(held)
    wait_until(lambda: running(nights, [held]), "a run by hand in the last slot", seconds=240)
    later = nights.start(LATER)
    wait_until(
        lambda: tasks(nights, [later], "plan")[0]["state"] == "scheduled", "a plan that waits", seconds=240
    )
    first = running(nights, back)[0]["dag_run_id"]
    permits.resume(first)
    assert nights.airflow.wait(DAG, later, seconds=240) == "success"
    permits.resume()
    nights.airflow.wait_for_backfill(backfill, seconds=240)
    assert nights.airflow.wait(DAG, held, seconds=240) == "success"
    (plan,) = tasks(nights, [later], "plan")
    waiting = next(task for task in tasks(nights, [first], "publish"))
    assert plan["start_date"] < waiting["start_date"]
    assert (plan["priority_weight"], waiting["priority_weight"]) == (200, 1)


@pytest.mark.parametrize(
    ("last", "days"),
    [
        ("2026-11-22T00:00:00Z", [20, 21]),
        ("2026-11-22T02:00:00Z", [20, 21, 22]),
        ("2026-11-22T23:59:00Z", [20, 21, 22]),
    ],
)
def test_a_backfill_has_the_runs_whose_minute_lies_between_its_two(nights, last, days):
    found = nights.airflow.backfill_dates(
        DAG, datetime.fromisoformat("2026-11-20T00:00:00Z"), datetime.fromisoformat(last)
    )
    assert [run[:16] for run in found] == [f"2026-11-{day}T02:00" for day in days]


def test_the_command_that_documents_name_runs_the_dates_that_they_say(nights):
    text = (project_root() / "docs" / "operations.md").read_text()
    (words,) = re.findall(r"airflow (backfill create --dag-id nightly_comparison\s[^`]*?)\n", text)
    command = [sys.executable, "-m", "airflow", *words.split(), "--dry-run"]
    said = subprocess.check_output(command, env=nights.airflow.environment, text=True)
    assert sorted(set(re.findall(r"2026-11-\d\d(?=.02:00:00)", said))) == [
        "2026-11-20",
        "2026-11-21",
        "2026-11-22",
    ]
