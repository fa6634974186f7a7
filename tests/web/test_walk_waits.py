"""A walk through runs that wait without a slot: for a manifest that is late, for a larger budget of a day."""

from datetime import date

from tests.waiting import wait_for_airflow
from tests.web.conftest import SMALL_DAY
from tests.web.test_in_browser import FRAME, wait_for_frame
from tests.web.walking import WALK, cleared, ended, open_our_tab, picture, state_of, triggered

pytestmark = WALK
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


def test_a_spent_day_is_waited_for_and_a_larger_budget_with_a_clear_is_quicker(
    admin_tab, site, pairs, small_account
):
    pairs(SPENT, 12)
    small_account(budget_calls_per_day=5)
    billed = site.service.meter()["billed"]
    run_id = triggered(admin_tab, site, dag_id=SMALL_DAY, day=str(SPENT), at="02:00")
    open_our_tab(admin_tab, site, run_id, "Nothing: it goes on by itself at", dag_id=SMALL_DAY)
    assert state_of(site, run_id, "compare", dag_id=SMALL_DAY) == "up_for_reschedule"
    picture(admin_tab, "spent-day")

    small_account(budget_calls_per_day=20)
    cleared(admin_tab, site, run_id, "compare/mapped/0", dag_id=SMALL_DAY)
    wait_for_airflow(
        site.airflow, lambda: state_of(site, run_id, "compare", dag_id=SMALL_DAY) == "success", "the cure"
    )
    assert ended(site, run_id, dag_id=SMALL_DAY) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs", dag_id=SMALL_DAY)
    assert site.service.meter()["billed"] - billed == 12
