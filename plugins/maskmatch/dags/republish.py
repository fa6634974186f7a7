"""Publish a date again without a call: with another threshold, or as it was at an earlier publication.

Trigger it with a date, and either a `publication` to go back to (*rollback*) or none and a `nominal_fmr`
(*re-publication*). Nothing is called and nothing is paid. Either way it is a new publication with a name of
its own: the one before stays in the history, from where it can come back the same way.

`maskmatch publish --date 2026-11-22 --list` shows the publications of a date, with who, when and why; so does
the table `runs`.

**When a task fails, its log ends with WHERE, WHAT and DO, and so begins its tab *Maskmatch*.**

| it says | do |
|---|---|
| has no publication ... in its history | the message names the last ones: trigger it with one of them |
| has no plan | the date was never planned: trigger `nightly_comparison` |
| pairs have no outcome yet | the newest plan of the date is not complete: clear its `compare` tasks |
| is newer than | somebody has published the date meanwhile, which is what is read now: look at `runs` |
"""

from typing import Unpack

from airflow.sdk import DAG

from maskmatch.dags.installation import Installation, installed_dag, named_here
from maskmatch.dags.params import from_params, params_of
from maskmatch.operators import RepublishOperator
from maskmatch.operators.assets import outcomes_asset

_FMR = "False match rate whose score is the threshold of the decision; an earlier publication keeps its own."


def republish(dag_id: str = "republish", **installation: Unpack[Installation]) -> DAG:
    """Return the Dag that publishes a date again without a call.

    :param installation: source and warehouse, which are required, connections, defaults of Params, notifier
    """
    with installed_dag(
        dag_id,
        installation,
        description="Publish a date again, with another threshold or as it was before; call nothing.",
        runbook=named_here(str(__doc__), installation.get("dag_ids", {}), republish=dag_id),
        params=params_of(
            "date", "publication", "nominal_fmr", "warehouse", "execution_timeout", nominal_fmr=_FMR
        ),
    ) as dag:
        RepublishOperator(
            task_id="republish",
            outlets=[outcomes_asset(installation["warehouse"])],
            day="{{ params.date }}",
            source="{{ params.warehouse }}",  # nothing is read there
            source_conn_id=dag.default_args["warehouse_conn_id"],
            **from_params("publication", "nominal_fmr"),
        )
    return dag
