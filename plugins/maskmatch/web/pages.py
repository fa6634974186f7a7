"""The pages: all that use an account, the runs of a Dag, one run. While looked at, each is asked for anew."""

from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse

from maskmatch.web.account import (
    CONNECTIONS_VARIABLE,
    AccountNow,
    look,
    lower_priorities,
    shown_connections,
)
from maskmatch.web.airflow import RunNow, find_run, recent_runs
from maskmatch.web.progress import ProgressNow, progress_of
from maskmatch.web.rendering import render
from maskmatch.web.security import MayOrder, ReadableDags, may_see_runs

router = APIRouter(default_response_class=HTMLResponse)
_MOST_RUNS = 20
Name = Annotated[str, Query(max_length=500)]


@router.get("/", dependencies=[may_see_runs])
def accounts(session: SessionDep, dag_ids: ReadableDags, may_order: MayOrder) -> str:
    """Show each account, and the runs of all Dags."""
    return render(
        "accounts.html",
        accounts=[look(conn_id) for conn_id in shown_connections()],
        runs=[_progress(run) for run in recent_runs(session, dag_ids, most=_MOST_RUNS)],
        may_order=may_order,
        priorities=lower_priorities(),
        variable=CONNECTIONS_VARIABLE,
    )


@router.get("/runs", dependencies=[may_see_runs])
def runs(session: SessionDep, dag_id: Name) -> str:
    """Show the newest runs of a Dag."""
    found = recent_runs(session, [dag_id], most=_MOST_RUNS)
    return render("runs.html", dag_id=dag_id, runs=[_progress(run) for run in found])


@router.get("/run", dependencies=[may_see_runs])
def run(  # each is a part of the address
    session: SessionDep,
    may_order: MayOrder,
    dag_id: Name,
    run_id: Name,
    task_id: Name = "",
    map_index: Name = "",
) -> str:
    """Show a run, and first of all one of its tasks if one is named."""
    if (found := find_run(session, dag_id, run_id)) is None:
        raise HTTPException(404, f"Airflow has no run {run_id} of {dag_id}.")
    progress = _progress(found)
    return render(
        "run.html",
        this=progress,
        task=_task(progress, task_id, map_index),
        account=_account(found),
        may_order=may_order,
    )


def _progress(found: RunNow) -> ProgressNow:
    return progress_of(found, _account(found))


def _account(found: RunNow) -> AccountNow | None:
    """Return the account of a run, None for one that has not begun."""
    return look(found.records[-1]["account"]) if found.records else None


def _task(progress: ProgressNow, task_id: str, map_index: str) -> object | None:
    """Return the task that is named; where Airflow knows no map index it leaves its name there, in braces."""
    number = int(map_index) if map_index.lstrip("-").isdecimal() else -1
    tasks = progress.run.tasks
    return next((each for each in tasks if (each.task_id, each.map_index) == (task_id, number)), None)
