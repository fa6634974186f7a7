"""What `maskmatch doctor` says of Airflow's slots, with pools in a real metadata database."""

import pytest
from airflow.models.pool import Pool
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from maskmatch.core.errors import WrongSetting
from maskmatch.hooks.slots import look_at_slots

pytestmark = pytest.mark.slow

BACKFILL, AD_HOC = "AIRFLOW__MASKMATCH__BACKFILL_POOL", "AIRFLOW__MASKMATCH__AD_HOC_POOL"
EXECUTOR = "AIRFLOW__CORE__EXECUTOR"


@pytest.fixture(scope="module")
def database():
    initdb()


@pytest.fixture
def pools(database):
    """Make pools; they are gone afterwards."""
    with create_session() as session:
        session.query(Pool).filter(Pool.pool != "default_pool").delete()
        session.query(Pool).update({"slots": 128})

    def make(**slots):
        with create_session() as session:
            for name, count in slots.items():
                session.query(Pool).filter(Pool.pool == name).delete()
                session.add(Pool(pool=name, slots=count, description="", include_deferred=False))

    return make


@pytest.fixture
def named(monkeypatch):
    monkeypatch.setenv(BACKFILL, "back")
    monkeypatch.setenv(AD_HOC, "hand")
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "8")


def test_pools_that_leave_a_slot_are_well(pools, named):
    pools(back=3, hand=4)
    assert look_at_slots().endswith("in pools hand, back; 1 slots are left for nightly runs")


@pytest.mark.parametrize(
    ("slots", "cure"),
    [
        ({"hand": 4}, "airflow pools set back 3"),
        ({"back": -1, "hand": 4}, "airflow pools set back 3"),
        ({"back": 4, "hand": 4}, "may take all 8 slots"),
    ],
)
def test_a_pool_that_is_missing_or_takes_all_is_told_with_its_cure(pools, named, slots, cure):
    pools(**slots)
    with pytest.raises(WrongSetting, match=cure):
        look_at_slots()


def test_a_kind_of_run_without_a_pool_is_told_unless_that_is_meant(pools, monkeypatch):
    monkeypatch.setenv(AD_HOC, "default_pool")
    with pytest.raises(WrongSetting, match=f"set {BACKFILL}=maskmatch_backfill for scheduler and api server"):
        look_at_slots()
    monkeypatch.setenv(BACKFILL, "back")
    pools(back=3)
    monkeypatch.setenv(EXECUTOR, "CeleryExecutor")
    assert "in pools default_pool, back" in look_at_slots()


def test_a_default_pool_that_lets_tasks_wait_in_the_local_executor_is_told(pools, named, monkeypatch):
    monkeypatch.setenv(AD_HOC, "default_pool")
    monkeypatch.setenv(EXECUTOR, "LocalExecutor")
    pools(back=3)
    with pytest.raises(WrongSetting, match="first come, first served: airflow pools set default_pool 8"):
        look_at_slots()
    pools(back=3, default_pool=8)
    assert "in pools default_pool, back; 5 slots are left" in look_at_slots()
