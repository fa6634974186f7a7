"""Publish a date again without a call: with another threshold, or as it was at an earlier publication.

Trigger it with a date, and either a `publication` to go back to (*rollback*) or none and a `nominal_fmr`
(*re-publication*). Nothing is called and nothing is paid. Either way it is a new publication with a name of
its own: the one before stays in the history, from where it can come back the same way.

`maskmatch publish --date 2026-11-22 --list` shows the publications of a date, with who, when and why; so does
the table `runs`.

**When a task fails, its last log line says what is wrong and what to do.**

| it says | do |
|---|---|
| has no publication ... in its history | the message names the last ones: trigger it with one of them |
| has no plan | the date was never planned: trigger `nightly_comparison` |
| pairs have no outcome yet | the newest plan of the date is not complete: clear its `compare` tasks |
| is newer than | somebody has published the date meanwhile, which is what is read now: look at `runs` |
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from maskmatch.operators import RepublishOperator
from maskmatch.operators.dag_parts import connections, shared_params, tries

with DAG(
    dag_id="republish",
    description="Publish a date again, with another threshold or as it was before; call nothing.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["maskmatch"],
    default_args=tries(),
    params={
        "date": Param(
            None,
            type="string",
            format="date",
            title="Date",
            description="A published date such as 2026-11-22.",
        ),
        "publication": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9]{6,}-[0-9a-f]+$",
            title="Publication to go back to",
            description="Its name, as the table runs has it. Empty: the newest plan of the date.",
        ),
        **shared_params(
            "nominal_fmr",
            "warehouse",
            nominal_fmr="False match rate whose score is the threshold of the decision; an earlier "
            "publication keeps its own.",
        ),
    },
):
    RepublishOperator(
        task_id="republish",
        day="{{ params.date }}",
        publication="{{ params.publication or '' }}",
        nominal_fmr="{{ params.nominal_fmr }}",
        source="{{ params.warehouse }}",
        warehouse="{{ params.warehouse }}",
        **connections() | {"source_conn_id": connections()["warehouse_conn_id"]},
    )
