"""Steps of the walks through Airflow's page: which run there is, and what has come of it.

Where the variable `PICTURES` names a folder, the walks leave the pictures of docs/operations.md there.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.comparemaskface.browser import CHROMIUM, Tab
from tests.demo.page import backfill, confirm, open_clear, trigger
from tests.waiting import wait_for_airflow
from tests.web.conftest import DAG, Site
from tests.web.test_in_browser import go, wait_for_frame

WALK = [
    pytest.mark.server,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]
"""The marks of all walks."""
SECONDS = 300


def newest_run(site: Site, day: date | str = "", *, dag_id: str = DAG, but: Sequence[str] = ()) -> str:
    """Return the run of a date once it is there, or of a Dag whose runs are no dates."""
    found: list[str] = []

    def is_there() -> bool:
        ids = [str(run["dag_run_id"]) for run in site.airflow.runs(dag_id)]
        found[:] = [run_id for run_id in ids if str(day) in run_id.split("__")[1] and run_id not in but]
        return bool(found)

    wait_for_airflow(site.airflow, is_there, f"a run of {day}")
    return found[0]


def triggered(tab: Tab, site: Site, *, dag_id: str = DAG, **form: Any) -> str:
    """Trigger a Dag by its form; return the run that it has started."""
    return started_by(site, lambda: trigger(tab, site.airflow.url, dag_id, **form), dag_id=dag_id)


def started_by(site: Site, send: Callable[[], object], *, dag_id: str = DAG) -> str:
    """Send off a form; return the run that it has started."""
    before = [str(run["dag_run_id"]) for run in site.airflow.runs(dag_id)]
    send()
    return newest_run(site, dag_id=dag_id, but=before)


def backfilled(
    tab: Tab, site: Site, day: date, *, runs: str = "Missing Runs", with_tick: bool = True, **params: object
) -> None:
    """Run a date by the form of a backfill, once Airflow takes another backfill."""

    def is_closed() -> bool:
        return all(each["completed_at"] for each in site.airflow.backfills(DAG))

    wait_for_airflow(site.airflow, is_closed, "an end, before which Airflow refuses the next")
    backfill(tab, site.airflow.url, DAG, str(day), runs=runs, params=params, with_tick=with_tick)


def backfilled_anew(tab: Tab, site: Site, day: date, run_id: str, **params: object) -> None:
    """Run a date again by a backfill with Params, and see that the run, which has ended, goes on."""
    ended_as = site.airflow.run_state(DAG, run_id)
    backfilled(tab, site, day, runs="All Runs", **params)
    wait_for_airflow(
        site.airflow, lambda: site.airflow.run_state(DAG, run_id) != ended_as, "the run once more"
    )


def cleared(tab: Tab, site: Site, run_id: str, task: str, *, dag_id: str = DAG) -> None:
    """Clear a task, such as `compare/mapped/0`, and later ones of a run that has failed."""
    open_clear(tab, site.airflow.url, dag_id, run_id, task)
    confirm(tab)
    wait_for_airflow(
        site.airflow, lambda: site.airflow.run_state(dag_id, run_id) != "failed", "the cleared run"
    )


def ended(site: Site, run_id: str, *, dag_id: str = DAG) -> str:
    """Return how a run has ended."""
    return site.airflow.wait(dag_id, run_id, seconds=SECONDS)


def state_of(site: Site, run_id: str, task_id: str, *, dag_id: str = DAG) -> str:
    """Return the state of a task, of a mapped one the first."""
    found = [each for each in site.airflow.task_instances(dag_id, run_id) if each["task_id"] == task_id]
    return str(found[0]["state"])


def open_our_tab(tab: Tab, site: Site, run_id: str, words: str, *, dag_id: str = DAG) -> None:
    """Open the tab Maskmatch of a run, and wait until it says some words."""
    go(tab, site, f"/dags/{dag_id}/runs/{run_id}/plugin/maskmatch-run".replace("+", "%2B"))
    wait_for_frame(tab, words, seconds=SECONDS)


def says(tab: Tab, site: Site, run_id: str, words: str) -> bool:
    """Return True once the log of `plan`, as the page shows it, says some words."""
    tab.open(f"{site.airflow.url}/dags/{DAG}/runs/{run_id.replace('+', '%2B')}/tasks/plan")
    tab.wait(f"document.body.innerText.replaceAll(/\\s+/g, ' ').includes({words!r})", seconds=SECONDS)
    return True


def picture(tab: Tab, name: str) -> None:
    """Keep what the tab shows as a picture for the runbook, where one is asked for."""
    if folder := os.environ.get("PICTURES"):
        path = Path(folder) / f"runbook-{name}.png"
        tab.screenshot(path)
        Image.open(path).quantize(128).save(path, optimize=True)
