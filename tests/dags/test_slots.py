"""Which dates a backfill of a real scheduler has."""

import re
import subprocess
import sys
from datetime import datetime

import pytest

from devstack.project import project_root
from tests.dags.conftest import DAG


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
