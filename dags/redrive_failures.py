"""Call failed pairs of published dates anew, and publish the dates again with all other rows as they were.

Failures are a to-do list: the view `failures` (`maskmatch views`) says for each what to do. When the cause is
mended (an image is uploaded, a right is given), trigger this Dag with the dates and, if not all open failures
are meant, with failure codes or classes. It pays for the chosen pairs alone; the publication before stays in
the history. Final failures (no face, undecodable) are called only where their code is named.

**When a task fails, its last log line says what is wrong and what to do.**

| task | it says | do |
|---|---|---|
| redrive | (skipped) nothing to redrive | nothing: no failed row of the date is chosen |
| redrive | is not there: run the date first | the date was never published: trigger `nightly_comparison` |
| redrive | pairs have no published outcome to keep | the manifest has new rows: run the date instead |
| redrive | is no failure_code, such rows are no pairs | mend the Params; bad rows: the manifest |
| redrive | nobody has approved it | it may cost more than the limit: `maskmatch redrive`, which can ask |
| redrive | killed, budget spent, drained, a key | as `compare` of `nightly_comparison` says; then clear it |

* Each date is one mapped task, which plans, pays and publishes; one that fails keeps no other from its end. A
  retry goes on from the journal.
* The next ordinary run of a date tries open failures by itself, all of them; it keeps what this Dag found.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param, task

from maskmatch.operators import RedriveFailuresOperator
from maskmatch.operators.dag_parts import connections, shared_params, tries

with DAG(
    dag_id="redrive_failures",
    description="Call failed pairs of published dates anew and merge them into the tables.",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["maskmatch"],
    default_args={
        **tries(),
        "source": "{{ params.source }}",
        "warehouse": "{{ params.warehouse }}",
        **connections(),
    },
    params={
        "dates": Param(
            [],
            type="array",
            items={"type": "string", "format": "date"},
            title="Dates",
            description="Published dates such as 2026-11-22, one a line.",
        ),
        "codes": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Failure codes",
            description="Such as image_missing, one a line. Empty: every open failure.",
        ),
        "classes": Param(
            [],
            type="array",
            items={"type": "string", "enum": ["biometric", "data", "infrastructure"]},
            title="Failure classes",
            description="Empty: all.",
        ),
        "also_final": Param(
            False,
            type="boolean",
            title="Final ones, too",
            description="Call final failures also where no code is named. The same bytes fail again.",
        ),
        **shared_params(
            "source",
            "warehouse",
            "quality_control",
            "nominal_fmr",
            "image_transfer",
            quality_control="0 (off) to 4 (strict): a lower one than before may score what had low_quality.",
        ),
    },
):

    @task(task_id="dates")
    def dates(params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the dates, each once."""
        return sorted(set((params or {})["dates"]))

    RedriveFailuresOperator.partial(
        task_id="redrive",
        codes="{{ params.codes | join(',') }}",
        classes="{{ params.classes | join(',') }}",
        also_final="{{ params.also_final }}",
        quality_control="{{ params.quality_control }}",
        nominal_fmr="{{ params.nominal_fmr }}",
        image_transfer="{{ params.image_transfer }}",
        max_active_tis_per_dagrun=4,
    ).expand(day=dates())
