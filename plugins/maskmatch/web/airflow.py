"""What Airflow's database knows of runs of our Dags: states, what tasks handed over, progress, problems."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import case, select
from sqlalchemy.orm import Session

from maskmatch.operators.base import RUN_KEY
from maskmatch.operators.compare import PROGRESS_KEY
from maskmatch.operators.known_errors import PROBLEM_KEY
from maskmatch.operators.plan import FORECAST_KEY
from maskmatch.operators.report import SUMMARY_KEY

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNow:
    """A task of a run: its state, how far it is, and what ended it or keeps it waiting."""

    task_id: str
    map_index: int
    label: str
    state: str
    try_number: int
    progress: Record | None = None
    problem: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNow:
    """A run: its tasks, in their order, and what they have handed over.

    `records` tell what for, with which account and how much, one for each date.
    """

    dag_id: str
    run_id: str
    state: str
    run_type: str
    logical_date: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    records: tuple[Record, ...] = ()
    tasks: tuple[TaskNow, ...] = ()
    forecast: Record | None = None
    summary: Record | None = None
    params: Record = field(default_factory=dict)


def find_run(session: Session, dag_id: str, run_id: str) -> RunNow | None:
    """Return a run; None where there is none."""
    found = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return found and _run(session, found)


def is_our_run(session: Session, run_id: str) -> bool:
    """Return True if a run of this name is one of ours."""
    query = select(XComModel.dag_run_id).where(XComModel.key == RUN_KEY, XComModel.run_id == run_id)
    return session.scalar(query.limit(1)) is not None


def recent_runs(session: Session, dag_ids: Collection[str], *, most: int) -> list[RunNow]:
    """Return the runs of these Dags that compare: those that run first, then the newest."""
    ours = select(XComModel.dag_run_id).where(XComModel.key == RUN_KEY, XComModel.dag_id.in_(dag_ids))
    is_under_way = case((DagRun.state.in_(("running", "queued")), 0), else_=1)
    query = (
        select(DagRun)
        .where(DagRun.id.in_(ours))
        .order_by(is_under_way, DagRun.start_date.desc(), DagRun.id.desc())
    )
    return [_run(session, found) for found in session.scalars(query.limit(most))]


def _run(session: Session, found: DagRun) -> RunNow:
    xcoms = _handed_over(session, found)
    return RunNow(
        dag_id=found.dag_id,
        run_id=found.run_id,
        state=str(found.state),
        run_type=str(found.run_type),
        logical_date=found.logical_date,
        started_at=found.start_date,
        ended_at=found.end_date,
        records=tuple(xcoms.get(RUN_KEY, ())),
        forecast=_last(xcoms.get(FORECAST_KEY)),
        summary=_last(xcoms.get(SUMMARY_KEY)),
        tasks=tuple(_tasks(session, found)),
    )


def _last(values: list[Record] | None) -> Record | None:
    return values[-1] if values else None


def _handed_over(session: Session, found: DagRun) -> dict[str, list[Record]]:
    """Return what tasks handed over, by key, in the order of dates."""
    keys = (RUN_KEY, FORECAST_KEY, SUMMARY_KEY)
    query = select(XComModel).where(XComModel.dag_run_id == found.id, XComModel.key.in_(keys))
    values: dict[str, list[Record]] = {}
    for row in session.scalars(query.order_by(XComModel.map_index)):
        value = XComModel.deserialize_value(row)
        if isinstance(value, dict):
            values.setdefault(row.key, []).append(value)
    return values


def _tasks(session: Session, found: DagRun) -> Iterable[TaskNow]:
    states = _kept(session, found)
    query = select(TaskInstance).where(
        TaskInstance.dag_id == found.dag_id, TaskInstance.run_id == found.run_id
    )
    for task in sorted(session.scalars(query), key=_in_order):
        kept = states.get((task.task_id, task.map_index), {})
        yield TaskNow(
            task_id=task.task_id,
            map_index=task.map_index,
            label=task.rendered_map_index or ("" if task.map_index < 0 else str(task.map_index)),
            state=str(task.state or "none"),
            try_number=task.try_number,
            progress=kept.get(PROGRESS_KEY),
            problem=kept.get(PROBLEM_KEY),
        )


def _in_order(task: TaskInstance) -> tuple[int, str, int]:
    """Sort earlier tasks first: what has more tasks behind it weighs more."""
    return -(task.priority_weight or 0), task.task_id, task.map_index


def _kept(session: Session, found: DagRun) -> dict[tuple[str, int], dict[str, Record]]:
    """Return what tasks keep in their state stores, by task and key."""
    query = select(TaskStateStoreModel).where(
        TaskStateStoreModel.dag_run_id == found.id,
        TaskStateStoreModel.key.in_((PROGRESS_KEY, PROBLEM_KEY)),
    )
    kept: dict[tuple[str, int], dict[str, Record]] = {}
    for row in session.scalars(query):
        value = json.loads(row.value)
        if isinstance(value, dict):
            kept.setdefault((row.task_id, row.map_index), {})[row.key] = value
    return kept
