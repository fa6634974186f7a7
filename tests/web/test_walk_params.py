"""A walk through the form of Trigger: answers of the day before, all paid again, another face model."""

from datetime import UTC, date, datetime, timedelta

import pytest

from maskmatch.storage.tables import read_table
from tests.demo.page import trigger
from tests.web.conftest import DAG
from tests.web.walking import WALK, ended, newest_run, says

pytestmark = WALK
DAY = date(2026, 3, 2)
BEFORE = DAY - timedelta(days=1)
ENTERED = "Params that were entered (trigger form, API or command line):"


@pytest.fixture
def by_form(admin_tab, site):
    """Return a function that runs DAY by the form with Params; it returns how many calls were paid."""
    before = []

    def run(at, **params):
        billed = site.service.meter()["billed"]
        trigger(admin_tab, site.airflow.url, DAG, day=str(DAY), at=at, **params)
        run_id = newest_run(site, DAY, but=before)
        before.append(run_id)
        assert ended(site, run_id) == "success"
        words = ", ".join(f"{name} {value}" for name, value in params.items())
        assert says(admin_tab, site, run_id, f"{ENTERED} {words}")
        return site.service.meter()["billed"] - billed

    return run


def test_params_of_the_form_take_effect_and_the_log_of_plan_says_so(site, stores, pairs, by_form):
    pairs(BEFORE, 8)
    pairs(DAY, 8)
    first = site.airflow.trigger(DAG, datetime(2026, 3, 1, 2, tzinfo=UTC), {})
    assert ended(site, first) == "success"
    assert by_form("02:00", reuse_days=1) == 0
    assert by_form("02:01", recompare=True) == 8
    pairs(DAY, 10)
    site.service.set_faults(["model-version=1,5.0"])
    try:
        assert by_form("02:02", on_model_change="go_on") == 3
    finally:
        site.service.set_faults([])
    assert set(read_table(stores[1], "outcomes", DAY)["model_version"].to_pylist()) == {"3.0", "5.0"}
