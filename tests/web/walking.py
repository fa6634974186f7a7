"""Steps of the walks through Airflow's page: which run there is, and what has come of it.

Where the variable `PICTURES` names a folder, the walks leave the pictures of docs/operations.md there.
"""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from PIL import Image

from tests.comparemaskface.browser import Tab
from tests.waiting import wait_for_airflow
from tests.web.conftest import DAG, Site
from tests.web.test_in_browser import go, wait_for_frame

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


def picture(tab: Tab, name: str) -> None:
    """Keep what the tab shows as a picture for the runbook, where one is asked for."""
    if folder := os.environ.get("PICTURES"):
        path = Path(folder) / f"runbook-{name}.png"
        tab.screenshot(path)
        Image.open(path).quantize(128).save(path, optimize=True)
