"""When a benchmark has met its goals."""

import json
import math

import pytest

from benchmarks.engine import two_workers_crashes as crashes
from benchmarks.engine.celery_site import LATENCY_MS, Night
from benchmarks.report import main

GOALS = {"use": (">=", 0.9), "lost": ("<=", 0.0)}


def reported(monkeypatch, capsys, figures, *options):
    monkeypatch.setattr("sys.argv", ["benchmark", *options])
    status = main("of_a_test", "", lambda _: figures, GOALS, run_all=lambda: figures)
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    ("figures", "options", "status"),
    [
        ({"use": 0.95, "lost": 0}, ["--all"], 0),
        ({"use": 0.95, "lost": 1}, ["--all"], 1),
        ({"use": math.nan, "lost": 0}, ["--all"], 1),
        ({"use": 0.95}, [], 0),
        ({"use": 0.95}, ["--all"], 1),
    ],
)
def test_a_goal_is_missed_by_its_figure_or_where_everything_was_measured_by_none(
    monkeypatch, capsys, figures, options, status
):
    found, line = reported(monkeypatch, capsys, figures, *options)
    assert (found, line["met"]) == (status, not status)
    assert line["missing"] == (["lost"] if options and "lost" not in figures else [])


def test_calls_that_were_paid_again_are_told_by_when_the_first_one_was_made():
    killed_at, dead_at = 100.0, 100.1
    first = {"answered": 99.0, "in flight": killed_at - LATENCY_MS / 2000, "dying": 100.05, "later": 101.0}
    calls = [{"pair": pair, "at": at, "billed": True} for pair, at in first.items()]
    again = [{"pair": pair, "at": 200.0, "billed": True} for pair in first]
    once = [{"pair": "once", "at": 100.0, "billed": True}, {"pair": "free", "at": 100.0, "billed": False}]
    night = Night(day=None, pairs=5, calls_per_second=200, meter={"calls": [*calls, *again, *once]})
    assert crashes._paid_again(night, killed_at, dead_at, "kill") == {
        "kill_paid_again_in_flight": 2,
        "kill_paid_again_answered": 1,
        "kill_paid_again_later": 1,
    }
