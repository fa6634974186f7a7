"""Call failed pairs of published dates anew, and publish the dates again with all other rows as they were.

Failures are a to-do list: the view `failures` (`maskmatch views`) says for each what to do. When the cause is
mended (an image is uploaded, a right is given), trigger this Dag with the dates and, if not all open failures
are meant, with failure codes or classes. It pays for the chosen pairs alone; the publication before stays in
the history. Final failures (no face, undecodable) are called only where their code is named.

**When a task fails, its log ends with WHERE, WHAT and DO, and so begins its tab *Maskmatch*.**

| task | it says | do |
|---|---|---|
| redrive | (skipped) nothing to redrive | nothing: no failed row of the date is chosen |
| redrive | is not there: run the date first | the date was never published: trigger `nightly_comparison` |
| redrive | pairs have no published outcome to keep | the manifest has new rows: run the date instead |
| redrive | was published anew meanwhile | nothing: the next try takes over what this one has paid for |
| redrive | rows are no pairs | the manifest has more bad rows than were published: mend it |
| redrive | is no failure_code, such rows are no pairs | mend the Params; bad rows: the manifest |
| redrive | nobody has approved it | it may cost more than the limit: `maskmatch redrive`, which can ask |
| redrive | killed, budget spent, drained, a key | as `compare` of `nightly_comparison` says; then clear it |

* Each date is one mapped task, which plans, pays and publishes; one that fails keeps no other from its end. A
  retry goes on from the journal.
* The next ordinary run of a date tries open failures by itself, all of them; it keeps what this Dag found.
"""

from typing import Unpack

from airflow.sdk import DAG, task

from maskmatch.dags.installation import Installation, installed_dag, named_here
from maskmatch.dags.params import from_params, param_or_empty, params_of
from maskmatch.operators import RedriveFailuresOperator
from maskmatch.operators.assets import outcomes_asset

_OF_REDRIVE = (
    "codes", "classes", "also_final", "quality_control", "image_transfer", "manifest_columns",
    "manifest_encoding",
)  # fmt: skip
_FMR = (
    "False match rate whose score is the threshold of all decisions of the date. Empty: as it was published."
)
_QUALITY = "0 (off) to 4 (strict): a lower one than before may score what had low_quality."


def redrive_failures(dag_id: str = "redrive_failures", **installation: Unpack[Installation]) -> DAG:
    """Return the Dag that calls failed pairs of published dates anew, one mapped task for each date.

    :param installation: source and warehouse, which are required, connections, defaults of Params, notifier
    """
    with installed_dag(
        dag_id,
        installation,
        description="Call failed pairs of published dates anew and merge them into the tables.",
        runbook=named_here(str(__doc__), installation.get("dag_ids", {}), redrive_failures=dag_id),
        params=params_of(
            "dates", "source", "warehouse", *_OF_REDRIVE, "execution_timeout", quality_control=_QUALITY
        )
        | {"nominal_fmr": param_or_empty("nominal_fmr", _FMR)},
    ) as dag:
        RedriveFailuresOperator.partial(
            task_id="redrive",
            map_index_template="{{ task.day }}",
            outlets=[outcomes_asset(installation["warehouse"])],
            **from_params(*_OF_REDRIVE, "nominal_fmr"),
            max_active_tis_per_dagrun=4,
        ).expand(day=_dates())
    return dag


@task(task_id="dates")
def _dates(params: dict[str, list[str]] | None = None) -> list[str]:
    """Return the dates, each once."""
    return sorted(set((params or {})["dates"]))
