"""Airflow's slots: what a task weighs and where it waits, by the type of its run."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from maskmatch import operators
from maskmatch.policies import task_instance_mutation_hook

BACKFILL, AD_HOC = "AIRFLOW__MASKMATCH__BACKFILL_POOL", "AIRFLOW__MASKMATCH__AD_HOC_POOL"
OURS = "PlanComparisonOperator"


def slot_of(run_type, *, run_id="any", pool="default_pool", operator=OURS, has_run=True):
    """Return weight and pool of a task instance after Airflow has asked about it."""
    task = SimpleNamespace(operator=operator, run_id=run_id, pool=pool, priority_weight=4)
    task_instance_mutation_hook(task, SimpleNamespace(run_type=run_type) if has_run else None)
    return task.priority_weight, task.pool


def test_nightly_runs_weigh_most_and_backfills_least():
    weights = [slot_of(run_type)[0] for run_type in ("scheduled", "manual", "backfill")]
    assert weights == sorted(set(weights), reverse=True)
    assert slot_of("asset_triggered") == slot_of("manual")


def test_every_operator_of_ours_has_a_weight():
    ours = [name for name in operators.__all__ if name.endswith("Operator")]
    assert len(ours) > 5
    assert {slot_of("scheduled", operator=each)[0] for each in ours} == {slot_of("scheduled")[0]}


def test_runs_go_to_the_pools_that_are_named_and_back(monkeypatch):
    assert slot_of("backfill")[1] == "default_pool"
    monkeypatch.setenv(BACKFILL, "back")
    monkeypatch.setenv(AD_HOC, "hand")
    pools = {run_type: slot_of(run_type)[1] for run_type in ("scheduled", "manual", "backfill")}
    assert pools == {"scheduled": "default_pool", "manual": "hand", "backfill": "back"}
    assert slot_of("scheduled", pool="back")[1] == "default_pool"  # Airflow asks again when the type changes


def test_a_pool_that_a_dag_names_is_left_and_so_is_a_task_of_others(monkeypatch):
    monkeypatch.setenv(BACKFILL, "back")
    assert slot_of("backfill", pool="theirs")[1] == "theirs"
    assert slot_of("backfill", operator="BashOperator") == (4, "default_pool")


@pytest.mark.parametrize(
    ("run_id", "like"), [("scheduled__2026", "scheduled"), ("backfill__2026", "backfill"), ("mine", "manual")]
)
def test_where_airflow_shows_no_run_its_id_tells(run_id, like):
    assert slot_of(None, run_id=run_id, has_run=False) == slot_of(like)


@pytest.mark.slow
def test_airflow_asks_though_it_has_no_local_settings(tmp_path):
    program = (
        "import airflow.models.dag; from airflow.settings import task_instance_mutation_hook as hook, "
        "get_policy_plugin_manager as plugins\n"
        "asked = plugins().hook.task_instance_mutation_hook.get_hookimpls()\n"
        "found = [each.function.__module__ for each in asked]\n"
        "print(hook.is_noop, 'maskmatch.policies' in found)"
    )
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    assert said.splitlines()[-1] == "False True"
