"""A walk through our page: a floor lets a backfill go on beside a run, which is then drained and goes on."""

from datetime import date

import pytest

from devstack.airflow_api import AirflowApiError
from maskmatch.storage.tables import read_table
from tests.demo.page import DIALOG, confirm, open_clear, press, trigger
from tests.waiting import wait_for_airflow
from tests.web.conftest import ACCOUNT, DAG
from tests.web.test_in_browser import FRAME, go, wait_for_frame
from tests.web.walking import SECONDS, WALK, backfilled, ended, newest_run, open_our_tab, picture, state_of

pytestmark = WALK
LONG, SHORT = date(2026, 2, 1), date(2026, 2, 3)
PAIRS, OTHERS = 600, 40


@pytest.fixture
def both(admin_tab, site, pairs):
    """Let a run that a person has started and a backfill compare side by side, paused; return their ids."""
    pairs(LONG, PAIRS)
    pairs(SHORT, OTHERS)
    trigger(admin_tab, site.airflow.url, DAG, day=str(LONG), at="02:00", max_shards=1)
    runs = [paused(site, LONG)]
    backfilled(admin_tab, site, SHORT)
    runs.append(paused(site, SHORT))
    return runs


def paused(site, day):
    """Pause the run of a date before its first call; return its id when it compares."""
    run_id = newest_run(site, day)
    wait_for_airflow(site.airflow, lambda: state_of(site, run_id, "plan") == "success", "the plan")
    assert site.order("pause", run_id).is_success
    wait_for_airflow(site.airflow, lambda: done(site, run_id) == 0, "a run that compares")
    return run_id


def done(site, run_id):
    """Return how many pairs a run has done, as it tells; None before it compares."""
    try:
        return site.airflow.task_state(DAG, run_id, "compare", "progress", map_index=0)["done"]
    except AirflowApiError:
        return None


def set_floor(tab, percent):
    """Give backfills a floor on the page of the account, which is open."""
    for field, value in (("priority", "backfill"), ("percent", percent)):
        tab.read(f"Object.assign({FRAME}.getElementById('{field}-{ACCOUNT}'), {{value: '{value}'}})")
    press_in_frame(tab, "Set floor")
    wait_for_frame(tab, f"Priority backfill has at least {percent} %")


def press_in_frame(tab, words):
    buttons = f"[...({FRAME}?.querySelectorAll('button, summary') ?? [])]"
    press(tab, f"{buttons}.find(each => each.innerText.trim() === {words!r})")


def test_a_floor_and_a_drain_of_the_page_do_what_they_say_to_runs_under_way(admin_tab, site, stores, both):
    tab, (long, short), billed = admin_tab, both, site.service.meter()["billed"]
    open_our_tab(tab, site, long, "by admin in Airflow")
    picture(tab, "paused")
    go(tab, site, "/plugin/maskmatch")
    wait_for_frame(tab, "Floor of", seconds=SECONDS)
    set_floor(tab, 0)
    for run_id, calls in zip(both, (20, 60), strict=True):
        assert site.order("resume", run_id).is_success
        wait_for_airflow(site.airflow, lambda most=calls: done(site, long) > most, "calls of who goes first")
    assert done(site, short) < 10
    set_floor(tab, 50)
    wait_for_airflow(site.airflow, lambda: done(site, short) == OTHERS, "the backfill")
    assert done(site, long) < PAIRS

    open_our_tab(tab, site, long, "Drain")
    press_in_frame(tab, "Drain…")
    press_in_frame(tab, "Drain now")
    assert ended(site, long) == "failed"
    wait_for_frame(tab, "Resume it on the page Maskmatch", seconds=SECONDS)
    open_our_tab(tab, site, long, "Took")
    picture(tab, "drained")
    go(tab, site, "/plugin/maskmatch")
    press_in_frame(tab, f"Resume {long}")
    wait_for_frame(tab, f"Resumed: {long}.")
    open_clear(tab, site.airflow.url, DAG, long, "compare/mapped/0")
    assert tab.read(f"{DIALOG}.innerText.includes('Affected Tasks: 3')")
    confirm(tab)
    wait_for_airflow(site.airflow, lambda: site.airflow.run_state(DAG, long) != "failed", "the cleared run")
    assert [ended(site, run_id) for run_id in both] == ["success"] * 2
    assert read_table(stores[1], "outcomes", LONG).num_rows == PAIRS
    assert site.service.meter()["billed"] - billed == PAIRS + OTHERS
