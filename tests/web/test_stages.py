"""The tasks of a run in the order of its stages, out of a database with Airflow's tables."""

import uuid
from datetime import UTC, datetime

import pytest
from airflow.models import import_all_models
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from maskmatch.dags import nightly_comparison, redrive_failures, republish
from maskmatch.web.airflow import STAGES, find_run
from maskmatch.web.progress import progress_of

PLACES = {"source": "s3://in", "warehouse": "s3://out"}
AT = datetime(2026, 11, 22, 2, tzinfo=UTC)


@pytest.fixture
def session():
    import_all_models()
    engine = create_engine("sqlite://")
    DagRun.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def run_with(session, *tasks):
    """Return a run with such tasks at work, all of one weight as our cluster policy has it."""
    run = {"dag_id": "d", "run_id": "r", "state": "running", "run_type": "manual", "clear_number": 0}
    session.execute(insert(DagRun.__table__).values(id=1, run_after=AT, **run))
    for task_id, map_index in tasks:
        task = {"dag_id": "d", "run_id": "r", "task_id": task_id, "map_index": map_index, "state": "running"}
        same = {"priority_weight": 100, "try_number": 1, "pool": "default_pool", "pool_slots": 1}
        session.execute(insert(TaskInstance.__table__).values(id=uuid.uuid4(), **task, **same))
    return find_run(session, "d", "r")


def test_tasks_come_in_the_order_of_their_stages_and_of_their_numbers(session):
    found = run_with(
        session,
        ("report", -1),
        ("compare", 1),
        ("another", -1),
        ("publish", -1),
        ("plan", -1),
        ("compare", 0),
    )
    assert [(task.task_id, task.map_index) for task in found.tasks] == [
        ("plan", -1), ("compare", 0), ("compare", 1), ("publish", -1), ("report", -1), ("another", -1)
    ]  # fmt: skip


def test_of_several_tasks_at_work_the_last_stage_is_told(session):
    assert progress_of(run_with(session, ("compare", 0), ("approve", -1)), None).stage == "comparing"


@pytest.mark.parametrize("dag", [nightly_comparison, redrive_failures, republish])
def test_each_task_of_our_dags_has_a_stage_and_stands_behind_those_it_waits_for(dag):
    order = list(STAGES)
    for task in dag(**PLACES).tasks:
        assert all(order.index(before) < order.index(task.task_id) for before in task.upstream_task_ids)
