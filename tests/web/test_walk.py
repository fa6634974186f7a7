"""A walk through Airflow's page: a budget and its cure, plans approved and rejected, two runs of a date."""

from datetime import UTC, date, datetime

import pytest

from tests.demo.page import answer, open_question
from tests.waiting import wait_for_airflow
from tests.web.conftest import DAG
from tests.web.test_in_browser import wait_for_frame
from tests.web.walking import (
    WALK,
    backfilled,
    backfilled_anew,
    ended,
    newest_run,
    open_our_tab,
    picture,
    state_of,
    triggered,
)

pytestmark = WALK
SPENT, APPROVED, REJECTED = (date(2026, 5, number) for number in (1, 2, 3))


def test_a_backfill_with_a_small_budget_says_its_cure_and_the_cure_works(admin_tab, site, pairs):
    pairs(SPENT, 12)
    backfilled(admin_tab, site, SPENT, budget_calls=5)
    run_id = newest_run(site, SPENT)
    assert ended(site, run_id) == "failed"
    open_our_tab(admin_tab, site, run_id, "tick 'Override parameters on existing runs'")

    backfilled_anew(admin_tab, site, SPENT, run_id, budget_calls=20)
    assert ended(site, run_id) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs")


@pytest.mark.parametrize(("day", "option"), [(APPROVED, "Approve"), (REJECTED, "Reject")])
def test_a_plan_that_costs_much_is_answered_in_the_page(admin_tab, site, pairs, day, option):
    pairs(day, 6)
    at = f"{day}T02:00:00Z"
    body = {"logical_date": at, "conf": {"approval_cost_limit": 0.01}}
    site.airflow._send("POST", f"/dags/{DAG}/dagRuns", body=body)
    run_id = newest_run(site, day)
    wait_for_airflow(
        site.airflow, lambda: state_of(site, run_id, "approve") == "awaiting_input", "the question"
    )
    admin_tab.size(1280, 1200)  # with the buttons
    open_question(admin_tab, site.airflow.url, DAG, run_id)
    picture(admin_tab, "approval")
    answer(admin_tab, option)
    assert ended(site, run_id) == "success"
    compared = {"Approve": "success", "Reject": "skipped"}[option]
    assert state_of(site, run_id, "compare") == compared


def test_of_two_runs_triggered_by_the_form_one_waits_names_the_other_and_both_are_green(
    admin_tab, site, pairs
):
    today = datetime.now(UTC).date()  # as the form presets it
    pairs(today, 60)
    first = triggered(admin_tab, site)
    wait_for_airflow(site.airflow, lambda: site.order("pause", first).is_success, "a run that compares")
    second = triggered(admin_tab, site)
    open_our_tab(admin_tab, site, second, "Nothing: it goes on by itself when that run has ended.")
    wait_for_frame(admin_tab, f"run {first} of {DAG} compares this date")
    picture(admin_tab, "other-run")
    assert site.order("resume", first).is_success
    assert [ended(site, run) for run in (first, second)] == ["success"] * 2
