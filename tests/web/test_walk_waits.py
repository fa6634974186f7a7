"""A walk through runs that wait without a slot: for a manifest that is late, for a larger budget of a day."""

from datetime import date

import pytest

from devstack.connections import connections
from tests.comparemaskface.browser import CHROMIUM
from tests.demo.page import confirm, open_clear
from tests.waiting import wait_for_airflow
from tests.web.conftest import ACCOUNT, SMALL_DAY
from tests.web.test_in_browser import FRAME, wait_for_frame
from tests.web.walking import ended, open_our_tab, picture, state_of, triggered

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium"),
]
LATE, SPENT = date(2026, 1, 11), date(2026, 1, 12)
ALL_WITHIN = (
    f"[...{FRAME}.querySelectorAll('.cards > div')].every(each => each.scrollWidth <= each.clientWidth)"
)


def test_a_run_waits_for_a_late_manifest_and_goes_on_by_itself(admin_tab, site, pairs):
    run_id = triggered(admin_tab, site, day=str(LATE), at="02:00", manifest_wait=0.1)
    open_our_tab(admin_tab, site, run_id, "Nothing: it looks again by itself")
    assert state_of(site, run_id, "plan") == "up_for_reschedule"
    admin_tab.wait(f"{FRAME}.querySelector('h1').innerText === '{LATE}'")
    wait_for_frame(admin_tab, "Drain…")
    assert admin_tab.read(ALL_WITHIN)
    picture(admin_tab, "late-manifest")
    pairs(LATE, 12)
    assert ended(site, run_id) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs")


@pytest.fixture
def budget_of_a_day(site, seaweed, tmp_path):
    """Return a function that sets how many calls the account of the other Dag may make a day."""

    def set_budget(calls):
        store = tmp_path / "permits.sqlite3"
        all_of_them = connections(seaweed, site.service, permit_store=store, budget_calls_per_day=calls)
        extra = all_of_them[ACCOUNT]["extra"] | {"account_id": tmp_path.name}  # of which nobody else spends
        site.airflow.set_connection(SMALL_DAY, all_of_them[ACCOUNT] | {"extra": extra}, anew=True)

    return set_budget


def test_a_spent_day_is_waited_for_and_a_larger_budget_with_a_clear_is_quicker(
    admin_tab, site, pairs, budget_of_a_day
):
    pairs(SPENT, 12)
    budget_of_a_day(5)
    site.airflow.wait_for_dag(SMALL_DAY)
    site.airflow.unpause(SMALL_DAY)
    billed = site.service.meter()["billed"]
    run_id = triggered(admin_tab, site, dag_id=SMALL_DAY, day=str(SPENT), at="02:00")
    open_our_tab(admin_tab, site, run_id, "Nothing: it goes on by itself at", dag_id=SMALL_DAY)
    assert state_of(site, run_id, "compare", dag_id=SMALL_DAY) == "up_for_reschedule"
    picture(admin_tab, "spent-day")

    budget_of_a_day(20)
    open_clear(admin_tab, site.airflow.url, SMALL_DAY, run_id, "compare/mapped/0")
    confirm(admin_tab)
    wait_for_airflow(
        site.airflow, lambda: state_of(site, run_id, "compare", dag_id=SMALL_DAY) == "success", "the cure"
    )
    assert ended(site, run_id, dag_id=SMALL_DAY) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs", dag_id=SMALL_DAY)
    assert site.service.meter()["billed"] - billed == 12
