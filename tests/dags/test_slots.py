"""Who gets the slots of a real scheduler, and which dates a backfill has."""

import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial

import pytest

from devstack.project import project_root
from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from tests.dags.conftest import BACKFILL_SLOTS, DAG
from tests.waiting import wait_for_airflow

pytestmark = pytest.mark.timeout(1200)
DATES = [date(2026, 7, number) for number in (1, 2, 3, 4)]
FIRST, LATER = date(2026, 7, 10), date(2026, 7, 11)
SECONDS = 400
wait = partial(wait_for_airflow, seconds=SECONDS)


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


@pytest.fixture
def back(nights, pairs, permits):
    """Return the runs of a backfill of four dates, of which three compare and hold all slots of its pool."""
    first, *_, last = (datetime(day.year, day.month, day.day, 2, tzinfo=UTC) for day in DATES)
    runs = [f"backfill__{day}T02:00:00+00:00" for day in DATES]
    for day, run_id in zip(DATES, runs, strict=True):
        pairs(day, 20)
        permits.pause(run_id)
    wait(
        nights.airflow,
        lambda: is_closed(nights),
        "an end of the last backfill, before which the next is refused",
    )
    conf = {"source": nights.source.uri, "warehouse": nights.warehouse.uri, "max_shards": 1}
    backfill = nights.airflow.backfill(DAG, first, last, dag_run_conf=conf)
    wait(
        nights.airflow, lambda: len(compared(nights, runs)) == BACKFILL_SLOTS, "backfills in all their slots"
    )
    yield runs
    permits.resume()
    nights.airflow.wait_for_backfill(backfill, seconds=SECONDS)


def is_closed(nights):
    return all(each["completed_at"] for each in nights.airflow.backfills(DAG))


def task(nights, run_id, task_id):
    return next(each for each in nights.airflow.task_instances(DAG, run_id) if each["task_id"] == task_id)


def waiting(nights, run_id):
    """Return the first task of a run that is ready and has no slot; none when no task is."""
    found = nights.airflow.task_instances(DAG, run_id)
    return next((each for each in found if each["state"] in ("scheduled", "queued")), None)


def compared(nights, run_ids):
    """Return those of the runs whose pairs are being compared."""
    return [run_id for run_id in run_ids if task(nights, run_id, "compare")["state"] == "running"]


def test_a_run_by_hand_finds_a_slot_beside_a_backfill_and_overtakes_it(nights, pairs, permits, back):
    for day in (FIRST, LATER):
        pairs(day, 20)
    held_by = compared(nights, back)
    first = nights.start(FIRST, max_shards=1)
    permits.pause(first)
    wait(nights.airflow, lambda: compared(nights, [first]), "a run by hand in the slot that is left")
    assert compared(nights, back) == held_by

    (behind,) = set(back) - set(held_by)
    before = nights.start(LATER)
    wait(
        nights.airflow,
        lambda: waiting(nights, before) and waiting(nights, behind),
        "a task of each for a slot",
    )
    names = [(run_id, waiting(nights, run_id)["task_id"]) for run_id in (before, behind)]
    permits.resume(held_by[0])  # whose slot both wait for, since no other is free
    wait(nights.airflow, lambda: task(nights, *names[0])["start_date"], "a run by hand that starts")
    permits.resume()
    for run_id in (first, before, behind):
        assert nights.airflow.wait(DAG, run_id, seconds=SECONDS) == "success"
    by_hand, of_backfill = (task(nights, *name) for name in names)
    assert by_hand["start_date"] < of_backfill["start_date"]
    assert [(each["pool"], each["priority_weight"]) for each in (by_hand, of_backfill)] == [
        ("default_pool", 200),
        ("maskmatch_backfill", 1),
    ]


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
