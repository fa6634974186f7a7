"""Who gets Airflow's slots first: nightly runs, then runs started by hand, then backfills.

Airflow asks this cluster policy about each task instance that it makes, clears or expands, in the scheduler
and in the api server (which makes those of a backfill); the entry point `airflow.policy` makes it known. A
weight lets those before overtake waiting tasks of those behind. A pool for backfills, and one for runs
started by hand, with fewer slots than there are leave a free one for those before: `[maskmatch]
backfill_pool` and `ad_hoc_pool` name them; without a name nothing is moved.

Decision: docs/adr/0034-who-gets-the-slots.md
"""

from typing import TYPE_CHECKING

from airflow import settings
from airflow.policies import hookimpl

from maskmatch.hooks.run_types import priority_of
from maskmatch.hooks.slots import DEFAULT_POOL, POOL_OPTIONS, WEIGHTS, pool_of

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

_OPERATORS = frozenset(
    {
        "ApprovePlanOperator",
        "CompareMaskFaceOperator",
        "PlanComparisonOperator",
        "PublishOutcomesOperator",
        "RedriveFailuresOperator",
        "ReportOutcomesOperator",
        "RepublishOperator",
    }
)

# Airflow 3.3.2 asks no policy about the first task instances of a run unless it has found a file
# airflow_local_settings.py: only then does it take note that there is one.
settings.task_instance_mutation_hook.is_noop = False  # type: ignore[attr-defined]  # of a function


@hookimpl
def task_instance_mutation_hook(task_instance: "TaskInstance", dag_run: "DagRun | None") -> None:
    """Give a task of ours its weight, and its pool unless it has one of its own."""
    if task_instance.operator not in _OPERATORS:
        return
    run_type = str(dag_run.run_type) if dag_run else (task_instance.run_id or "").partition("__")[0]
    priority = priority_of(run_type)
    task_instance.priority_weight = WEIGHTS[priority]
    if task_instance.pool in {DEFAULT_POOL, *map(pool_of, POOL_OPTIONS)}:
        task_instance.pool = pool_of(priority) or DEFAULT_POOL
