"""What is special to an installation, and the same for each of its Dags."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from airflow.sdk import DAG, Asset, Param

from maskmatch.dags.params import set_defaults
from maskmatch.links import page
from maskmatch.operators.alerts import alerts_to
from maskmatch.operators.base import ACCOUNT_CONN_ID, STORAGE_CONN_ID
from maskmatch.operators.notifiers import Notifier
from maskmatch.operators.retry_policy import RETRY_POLICY
from maskmatch.timetables import DatedCronTimetable

START = datetime(2026, 1, 1, tzinfo=UTC)
_OPERATIONS = "docs/operations.md"
"""Served by the page, in the version that is installed: no other site is needed."""
_NO_DATE = "logical_date | default(none)"


class Places(TypedDict):
    """Where an installation reads and writes, by default."""

    source: str
    """Folder with manifests/ds=<date>/ and the images: s3://bucket/prefix or file:///folder."""
    warehouse: str
    """Folder for plans, journals and tables."""


class Installation(Places, total=False):
    """The arguments that each of our Dags takes."""

    tencent_iai_conn_id: str
    """Connection of the account, of type tencent_iai."""
    source_conn_id: str
    """Connection of the source, of type maskmatch_store."""
    warehouse_conn_id: str
    """Connection of the warehouse, of type maskmatch_store."""
    params: Mapping[str, Any]
    """Defaults of Params, where they are not to be ours."""
    notifier: Notifier
    """Any of Airflow's, several, or an import path: told what a person should know (docs/monitoring.md)."""
    tags: Sequence[str]
    """Tags beside `maskmatch`."""
    dag_ids: Mapping[str, str]
    """Ids of the other Dags of this installation by ours, such as {"republish": "faces_republish"}: runbooks
    name them."""


def installed_dag(
    dag_id: str,
    installation: Installation,
    *,
    description: str,
    runbook: str,
    params: Mapping[str, Param],
    schedule: DatedCronTimetable | list[Asset] | None = None,
    defaults: Mapping[str, Any] | None = None,
    default_args: Mapping[str, Any] | None = None,
) -> DAG:
    """Return a Dag without tasks; raise WrongSetting for a Param that it has not, or a default that is wrong.

    :param defaults: of Params, where the installation says nothing
    """
    places = {"source": installation["source"], "warehouse": installation["warehouse"]}
    ours = {name: value for name, value in {**places, **(defaults or {})}.items() if name in params}
    set_defaults(params, {**ours, **installation.get("params", {})}, place=f"Dag {dag_id}")
    return DAG(
        dag_id=dag_id,
        description=description,
        doc_md=with_operations(runbook),
        schedule=schedule,
        start_date=START,
        catchup=False,
        tags=["maskmatch", *installation.get("tags", ())],
        render_template_as_native_obj=True,
        default_args={
            **tries(),
            **alerts_to(installation.get("notifier")),
            **_places(installation),
            **(default_args or {}),
        },
        params=dict(params),
    )


def named_here(runbook: str, dag_ids: Mapping[str, str], **more: str) -> str:
    """Return a runbook with the ids that our Dags have in an installation, in place of ours."""
    for ours, here in {**dag_ids, **more}.items():
        runbook = runbook.replace(f"`{ours}`", f"`{here}`").replace(f"--dag-id {ours} ", f"--dag-id {here} ")
    return runbook


def timetable(schedule: str | None, timezone: str) -> DatedCronTimetable | None:
    """Return when a Dag runs, whatever Airflow makes of a bare cron expression; its logical date is then."""
    return DatedCronTimetable(schedule, timezone=timezone) if schedule else None


def date_in(timezone: str) -> str:
    """Return the template of a run's date: that of its logical date in a time zone; '' without one."""
    return f"{{{{ (logical_date.in_timezone('{timezone}') | ds) if ({_NO_DATE}) else '' }}}}"


def with_operations(runbook: str) -> str:
    """Return what a Dag's page shows, with a link to the document for operators below its first line."""
    first, _, rest = runbook.partition("\n")
    return f"{first}\n\n**The whole runbook, with pictures: [{_OPERATIONS}]({page(_OPERATIONS)})**\n{rest}"


def tries() -> dict[str, Any]:
    """Return the arguments of tasks that say when Airflow tries them again, and whose they are."""
    return {
        "owner": "maskmatch",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": RETRY_POLICY,
    }


def _places(installation: Installation) -> dict[str, Any]:
    return {
        "source": "{{ params.source }}",
        "warehouse": "{{ params.warehouse }}",
        "tencent_iai_conn_id": installation.get("tencent_iai_conn_id", ACCOUNT_CONN_ID),
        "source_conn_id": installation.get("source_conn_id", STORAGE_CONN_ID),
        "warehouse_conn_id": installation.get("warehouse_conn_id", STORAGE_CONN_ID),
        "execution_timeout_hours": "{{ params.execution_timeout }}",
    }
