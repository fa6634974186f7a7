"""A walk through blocks of WHERE, WHAT and DO: each is seen in our tab, its cure done by Airflow's forms."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.storage.tables import read_table
from tests.demo.page import edit_connection
from tests.nights import write_pairs
from tests.waiting import wait_for_airflow
from tests.web.conftest import DAG, SMALL_DAY, lines_without_image
from tests.web.test_in_browser import wait_for_frame
from tests.web.walking import (
    WALK,
    backfilled,
    backfilled_anew,
    cleared,
    ended,
    newest_run,
    open_our_tab,
    picture,
    says,
    state_of,
    triggered,
)

pytestmark = WALK
MISSING, BAD_ROWS, NO_PICTURES, UNANSWERED, PLANNED, WRONG_KEY, CLOSED = (
    date(2026, 4, number) for number in range(11, 18)
)

COMMAND = "--reprocess-behavior completed \\\n  --from-date"
"""Lines that a shell takes as one."""


@pytest.fixture(autouse=True)
def alone(site):
    with site.nobody_else():
        yield


def stopped(tab, site, run_id, *words, dag_id=DAG):
    """See a run fail, and what its tab says of it."""
    assert ended(site, run_id, dag_id=dag_id) == "failed"
    open_our_tab(tab, site, run_id, words[0], dag_id=dag_id)
    for each in words[1:]:
        wait_for_frame(tab, each)


def outcomes(stores, day):
    return read_table(stores[1], "outcomes", day).to_pandas()


def test_a_manifest_that_is_missing_or_has_other_columns_is_put_right_and_plan_cleared(
    admin_tab, site, stores
):
    run_id = triggered(admin_tab, site, day=str(MISSING), at="02:00")
    stopped(admin_tab, site, run_id, "no manifest at", "Put it there, then clear this task")
    stores[0].put(f"manifests/ds={MISSING}/pairs.csv", b"id,a,b\n1,2,3\n")
    cleared(admin_tab, site, run_id, "plan")
    stopped(admin_tab, site, run_id, "column reference_id, probe_id is missing", "then clear this task")
    write_pairs(stores[0], 12, day=MISSING)
    cleared(admin_tab, site, run_id, "plan")
    assert ended(site, run_id) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs")


def test_bad_rows_pass_by_the_params_that_the_blocks_name_one_after_the_other(admin_tab, site, stores):
    bad = [f"b{number},,images/1.jpg,true,none" for number in range(60)]
    write_pairs(stores[0], 45, day=BAD_ROWS, extra_lines=bad)
    billed = site.service.meter()["billed"]
    first = triggered(admin_tab, site, day=str(BAD_ROWS), at="02:00")
    stopped(admin_tab, site, first, "60 of 105 rows are no pairs", f"another minute of {BAD_ROWS}")
    assert site.service.meter()["billed"] == billed
    second = triggered(admin_tab, site, day=str(BAD_ROWS), at="02:01", max_bad_rows="60%")
    stopped(admin_tab, site, second, "more than max_failed_share", "This run has, too: max_bad_rows 60%")
    third = triggered(
        admin_tab, site, day=str(BAD_ROWS), at="02:02", max_bad_rows="60%", max_failed_share="60%"
    )
    assert ended(site, third) == "success"
    assert outcomes(stores, BAD_ROWS)["outcome"].value_counts().to_dict() == {"failed": 60, "scored": 45}
    assert site.service.meter()["billed"] - billed == 45


def test_missing_images_are_let_pass_by_a_backfill_with_the_tick_and_called_once_they_are_there(
    admin_tab, site, stores
):
    tab, day, billed = admin_tab, NO_PICTURES, site.service.meter()["billed"]
    late = [f"not-yet/{number}.jpg" for number in range(4)]
    lines = [f"x{n},{late[n % 4]},images/{n // 4}.jpg,true,none" for n in range(80)]
    write_pairs(stores[0], 20, day=day, extra_lines=lines)
    params = {"max_missing_share": "90%"}
    backfilled(tab, site, day, with_tick=False, **params)
    run_id = newest_run(site, day)
    stopped(tab, site, run_id, "80 have an image that cannot be sent", "Without the tick the run keeps")
    picture(tab, "missing-images")
    assert says(tab, site, run_id, "this backfill sent no Params")
    assert site.service.meter()["billed"] == billed

    backfilled_anew(tab, site, day, run_id, **params)
    stopped(tab, site, run_id, "80 of 100 rows failed", "they are published")
    for key in late:
        stores[0].put(key, JPEG_HEAD + key.encode())
    cleared(tab, site, run_id, "plan")
    assert ended(site, run_id) == "success"
    assert set(outcomes(stores, day)["outcome"]) == {"scored"}
    assert site.service.meter()["billed"] - billed == 100


def test_a_table_is_replaced_by_one_without_an_answer_only_with_allow_empty(admin_tab, site, stores):
    write_pairs(stores[0], 4, day=UNANSWERED)
    first = triggered(admin_tab, site, day=str(UNANSWERED), at="02:00")
    assert ended(site, first) == "success"
    write_pairs(stores[0], 0, day=UNANSWERED, extra_lines=lines_without_image(4))
    second = triggered(admin_tab, site, day=str(UNANSWERED), at="02:01")
    stopped(admin_tab, site, second, "no call was answered", "enter allow_empty true", COMMAND)
    assert set(outcomes(stores, UNANSWERED)["outcome"]) == {"scored"}
    third = triggered(admin_tab, site, day=str(UNANSWERED), at="02:02", allow_empty=True)
    assert ended(site, third) == "success"
    assert set(outcomes(stores, UNANSWERED)["failure_code"]) == {"image_missing"}


def test_a_date_is_estimated_by_a_backfill_and_compared_by_another_with_the_tick(admin_tab, site, stores):
    write_pairs(stores[0], 12, day=PLANNED)
    billed = site.service.meter()["billed"]
    backfilled(admin_tab, site, PLANNED, plan_only=True)
    run_id = newest_run(site, PLANNED)
    assert ended(site, run_id) == "success"
    assert state_of(site, run_id, "compare") == "skipped"
    open_our_tab(admin_tab, site, run_id, "12, fewer if images are bad")
    assert site.service.meter()["billed"] == billed
    backfilled_anew(admin_tab, site, PLANNED, run_id)
    assert ended(site, run_id) == "success"
    open_our_tab(admin_tab, site, run_id, "12 of 12 pairs")


def mended(tab, site, run_id):
    """Clear `plan`, and see the run end well."""
    cleared(tab, site, run_id, "plan", dag_id=SMALL_DAY)
    wait_for_airflow(
        site.airflow, lambda: state_of(site, run_id, "plan", dag_id=SMALL_DAY) == "success", "the cure"
    )
    assert ended(site, run_id, dag_id=SMALL_DAY) == "success"
    open_our_tab(tab, site, run_id, "12 of 12 pairs", dag_id=SMALL_DAY)


def test_a_wrong_key_is_mended_in_the_form_of_the_connection(admin_tab, site, stores, small_account):
    write_pairs(stores[0], 12, day=WRONG_KEY)
    small_account(password="wrong")
    run_id = triggered(admin_tab, site, dag_id=SMALL_DAY, day=str(WRONG_KEY), at="02:00")
    words = "fix the SecretKey (password) of the connection", "then clear this task"
    stopped(admin_tab, site, run_id, *words, dag_id=SMALL_DAY)
    key = site.service.secret_key
    edit_connection(admin_tab, site.airflow.url, SMALL_DAY, name="password", text=key)
    mended(admin_tab, site, run_id)


def test_a_closed_hour_is_waited_for_and_ends_sooner_by_another_rule(admin_tab, site, stores, small_account):
    write_pairs(stores[0], 12, day=CLOSED)
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    start, end, later = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 2, 3))
    small_account(rate_by_hour=f"0 from {start} to {end}")
    run_id = triggered(admin_tab, site, dag_id=SMALL_DAY, day=str(CLOSED), at="02:00")
    open_our_tab(admin_tab, site, run_id, "no calls are allowed at this hour", dag_id=SMALL_DAY)
    wait_for_frame(admin_tab, "Nothing: it goes on by itself at")
    assert state_of(site, run_id, "plan", dag_id=SMALL_DAY) == "up_for_reschedule"
    small_account(rate_by_hour=f"0 from {end} to {later}")
    mended(admin_tab, site, run_id)
