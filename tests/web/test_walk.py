"""A walk through Airflow's page: a budget and its cure, plans approved and rejected, two runs of a date."""

from datetime import UTC, date, datetime

import pytest

from maskmatch.storage.object_stores import S3Store
from tests.comparemaskface.browser import CHROMIUM, chromium
from tests.demo.page import answer, backfill, sign_in, trigger
from tests.nights import write_pairs
from tests.s3 import client_of
from tests.waiting import wait_until
from tests.web.conftest import DAG, UNDER_WAY
from tests.web.test_in_browser import go, wait_for_frame

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]
SPENT, APPROVED, REJECTED = (date(2026, 5, number) for number in (1, 2, 3))
SECONDS = 300


@pytest.fixture
def tab(site, tmp_path):
    with chromium(tmp_path) as tab:
        tab.size(1280, 900)
        sign_in(tab, site.airflow.url, site.passwords["admin"])
        yield tab


@pytest.fixture
def pairs(site, seaweed):
    """Return a function that writes a date where the form looks by itself; no other run takes the rate."""
    client = client_of(seaweed)
    store = S3Store(client, bucket="maskmatch", prefix="source")
    order(site, "pause", site.runs[UNDER_WAY])
    yield lambda day, count: write_pairs(store, count, day=day)
    order(site, "resume", site.runs[UNDER_WAY])
    client.close()


def order(site, what, run_id):
    """Give an order on the page; one to a run that has ended is refused."""
    body = {"account": "tencent_iai_default", "order": what, "run": run_id}
    with site.client("admin") as admin:
        return admin.post("/maskmatch/orders", json=body)


def newest_run(site, day, *, but=()):
    """Return the run of a date once it is there."""
    found = []

    def is_there():
        ids = [run["dag_run_id"] for run in site.airflow.runs(DAG)]
        found[:] = [run_id for run_id in ids if run_id.split("__")[1].startswith(str(day))]
        return set(found) - set(but)

    wait_until(is_there, f"a run of {day}", seconds=60)
    return next(run for run in found if run not in but)


def open_our_tab(tab, site, run_id, words):
    go(tab, site, f"/dags/{DAG}/runs/{run_id}/plugin/maskmatch-run".replace("+", "%2B"))
    wait_for_frame(tab, words, seconds=SECONDS)


def is_closed(site):
    return all(each["completed_at"] for each in site.airflow.backfills(DAG))


def state_of(site, run_id, task_id):
    found = [each for each in site.airflow.task_instances(DAG, run_id) if each["task_id"] == task_id]
    return found[0]["state"]


def test_a_backfill_with_a_small_budget_says_its_cure_and_the_cure_works(tab, site, pairs):
    pairs(SPENT, 12)
    url = site.airflow.url
    backfill(tab, url, DAG, str(SPENT), runs="Missing Runs", params={"budget_calls": 5})
    run_id = newest_run(site, SPENT)
    assert site.airflow.wait(DAG, run_id, seconds=SECONDS) == "failed"
    open_our_tab(tab, site, run_id, "tick 'Override parameters on existing runs'")

    wait_until(lambda: is_closed(site), "an end, before which Airflow refuses the next", seconds=SECONDS)
    backfill(tab, url, DAG, str(SPENT), runs="All Runs", params={"budget_calls": 20})
    wait_until(lambda: site.airflow.run_state(DAG, run_id) != "failed", "the cure", seconds=60)
    assert site.airflow.wait(DAG, run_id, seconds=SECONDS) == "success"
    open_our_tab(tab, site, run_id, "12 of 12 pairs")


@pytest.mark.parametrize(("day", "option"), [(APPROVED, "Approve"), (REJECTED, "Reject")])
def test_a_plan_that_costs_much_is_answered_in_the_page(tab, site, pairs, day, option):
    pairs(day, 6)
    at = f"{day}T02:00:00Z"
    body = {"logical_date": at, "conf": {"approval_cost_limit": 0.01}}
    site.airflow._send("POST", f"/dags/{DAG}/dagRuns", body=body)
    run_id = newest_run(site, day)
    wait_until(lambda: state_of(site, run_id, "approve") == "awaiting_input", "the question", seconds=SECONDS)
    answer(tab, site.airflow.url, DAG, run_id, option)
    assert site.airflow.wait(DAG, run_id, seconds=SECONDS) == "success"
    compared = {"Approve": "success", "Reject": "skipped"}[option]
    assert state_of(site, run_id, "compare") == compared


def test_of_two_runs_triggered_by_the_form_one_waits_names_the_other_and_both_are_green(tab, site, pairs):
    today = datetime.now(UTC).date()  # as the form presets it
    pairs(today, 60)
    trigger(tab, site.airflow.url, DAG)
    first = newest_run(site, today)
    wait_until(lambda: order(site, "pause", first).is_success, "a run that compares", seconds=SECONDS)
    trigger(tab, site.airflow.url, DAG)
    second = newest_run(site, today, but=[first])
    open_our_tab(tab, site, second, "Nothing: it goes on by itself when that run has ended.")
    wait_for_frame(tab, f"run {first} of {DAG} compares this date")
    assert order(site, "resume", first).is_success
    assert [site.airflow.wait(DAG, run, seconds=SECONDS) for run in (first, second)] == ["success"] * 2
