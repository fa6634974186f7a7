"""What Airflow's database knows of runs of our Dags: states, what tasks handed over, progress, problems."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Select, case, label, select
from sqlalchemy.orm import Session

from maskmatch.operators.base import RUN_KEY, SUMMARY_KEY
from maskmatch.operators.compare import PROGRESS_KEY
from maskmatch.operators.known_errors import PROBLEM_KEY
from maskmatch.operators.plan import FORECAST_KEY

Record = dict[str, Any]

STAGES = {
    "dates": "looking which dates",
    "plan": "planning",
    "approve": "waiting for approval",
    "compare": "comparing",
    "redrive": "calling failed pairs again",
    "publish": "publishing",
    "republish": "publishing again",
    "report": "reporting",
}
"""What is done in each task of our Dags, in the order of a run: all of them weigh the same to Airflow."""


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

    `records` tell what for, with which account and how much, `summaries` what was published: one a date.
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
    summaries: tuple[Record, ...] = ()

    @property
    def is_over(self) -> bool:
        """Return True if the run has ended."""
        return self.state in ("success", "failed")


def find_run(session: Session, dag_id: str, run_id: str) -> RunNow | None:
    """Return a run; None where there is none."""
    query = _DAG_RUNS.where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    return next(iter(_runs(session, query)), None)


def is_our_run(session: Session, run_id: str) -> bool:
    """Return True if a run of this name is one of ours."""
    query = select(XComModel.dag_run_id).where(XComModel.key == RUN_KEY, XComModel.run_id == run_id)
    return session.scalar(query.limit(1)) is not None


def recent_runs(session: Session, dag_ids: Collection[str], *, most: int) -> list[RunNow]:
    """Return the runs of these Dags that are ours: those that run first, then the newest."""
    ours = select(XComModel.dag_run_id).where(XComModel.key == RUN_KEY, XComModel.dag_id.in_(dag_ids))
    is_over = case((DagRun.state.in_(("running", "queued")), 0), else_=1)
    query = _DAG_RUNS.where(DagRun.id.in_(ours)).order_by(is_over, DagRun.start_date.desc(), DagRun.id.desc())
    return list(_runs(session, query.limit(most)))


_DAG_RUNS = select(
    DagRun.id,
    DagRun.dag_id,
    DagRun.run_id,
    DagRun.state,
    DagRun.run_type,
    DagRun.logical_date,
    DagRun.start_date,
    DagRun.end_date,
)


def _runs(session: Session, query: Select[Any]) -> Iterable[RunNow]:
    """Yield runs; however many they are, three more questions tell all of them."""
    found = session.execute(query).all()
    numbers = [row.id for row in found]
    handed_over, kept = _handed_over(session, numbers), _kept(session, numbers)
    tasks = _tasks(session, {row.dag_id for row in found}, {row.run_id for row in found})
    for row in found:
        xcoms = handed_over[row.id]
        yield RunNow(
            dag_id=row.dag_id,
            run_id=row.run_id,
            state=str(row.state),
            run_type=str(row.run_type),
            logical_date=row.logical_date,
            started_at=row.start_date,
            ended_at=row.end_date,
            records=tuple(xcoms[RUN_KEY]),
            forecast=_last(xcoms[FORECAST_KEY]),
            summaries=tuple(xcoms[SUMMARY_KEY]),
            tasks=tuple(_task(task, kept[row.id]) for task in tasks[row.dag_id, row.run_id]),
        )


def _last(values: list[Record]) -> Record | None:
    return values[-1] if values else None


def _handed_over(session: Session, runs: Collection[int]) -> dict[int, dict[str, list[Record]]]:
    """Return what tasks handed over, by run and key, in the order of dates."""
    keys = (RUN_KEY, FORECAST_KEY, SUMMARY_KEY)
    query = select(XComModel).where(XComModel.dag_run_id.in_(runs), XComModel.key.in_(keys))
    values: dict[int, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for row in session.scalars(query.order_by(XComModel.map_index)):
        value = XComModel.deserialize_value(row)
        if isinstance(value, dict):
            values[row.dag_run_id][row.key].append(value)
    return values


def _tasks(
    session: Session, dag_ids: Collection[str], run_ids: Collection[str]
) -> dict[tuple[str, str], list[Any]]:
    """Return rows of task instances by Dag and run, in the order of their stages."""
    stages = {task_id: number for number, task_id in enumerate(STAGES)}
    query = (
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.map_index,
            label("label", TaskInstance.rendered_map_index),
            TaskInstance.state,
            TaskInstance.try_number,
        )
        .where(TaskInstance.dag_id.in_(dag_ids), TaskInstance.run_id.in_(run_ids))
        .order_by(
            case(stages, value=TaskInstance.task_id, else_=len(stages)),
            TaskInstance.task_id,
            TaskInstance.map_index,
        )
    )
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in session.execute(query):
        found[row.dag_id, row.run_id].append(row)
    return found


def _task(row: Any, kept: Mapping[tuple[str, int, str], Record]) -> TaskNow:
    return TaskNow(
        task_id=row.task_id,
        map_index=row.map_index,
        label="" if row.map_index < 0 else str(row.label),
        state=str(row.state or "none"),
        try_number=row.try_number,
        progress=kept.get((row.task_id, row.map_index, PROGRESS_KEY)),
        problem=kept.get((row.task_id, row.map_index, PROBLEM_KEY)),
    )


def _kept(session: Session, runs: Collection[int]) -> dict[int, dict[tuple[str, int, str], Record]]:
    """Return what tasks keep in their state stores, by run, and by task and key."""
    query = select(TaskStateStoreModel).where(
        TaskStateStoreModel.dag_run_id.in_(runs), TaskStateStoreModel.key.in_((PROGRESS_KEY, PROBLEM_KEY))
    )
    kept: dict[int, dict[tuple[str, int, str], Record]] = defaultdict(dict)
    for row in session.scalars(query):
        value = json.loads(row.value)
        if isinstance(value, dict):
            kept[row.dag_run_id][row.task_id, row.map_index, row.key] = value
    return kept
