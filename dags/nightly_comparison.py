"""Compare the pairs of a date with CompareMaskFace and publish their outcomes.

Every night at 02:00 UTC this Dag compares the pairs of its logical date: it reads
`<source>/manifests/ds=<date>/`, calls CompareMaskFace for every pair within the account's rate limit, and
replaces `<warehouse>/outcomes/current/ds=<date>/data.parquet`. Running a date again is safe: only pairs
without a final answer are called, so nothing is paid twice.

**When a task fails, its last log line says what is wrong and what to do.**

| task | it says | do |
|---|---|---|
| plan | no manifest, column missing, no rows | fix the manifest, clear `plan` (with downstream) |
| plan, compare | SecretId, signature, arrears, permission | fix connection or account, clear the task |
| plan, compare | cannot be reached | it is tried again by itself; look at endpoint and network |
| approve | (it waits) | *Required Actions*: look at the forecast, approve or reject |
| compare | nobody has approved it | clear `approve` (with downstream) and answer; not *success* by hand |
| compare | killed, out of memory, worker lost | nothing: the next try goes on from the journal |
| compare | the budget of the run is spent | backfill that date again, reprocess all, with a larger one |
| compare | the budget of the day, month is spent | nothing: it goes on by itself in the next window |
| compare | drained | `maskmatch resume`, then clear `compare` (with downstream) |
| compare | (it waits) another run compares this date | nothing: it goes on when that one ends |
| plan | too many bad rows, images missing | fix manifest or source, or raise the limit, clear `plan` |
| publish | pairs have no outcome yet | clear the `compare` tasks that failed |
| publish | no call was answered | look at the rows where the message says; clear `plan`, or `allow_empty` |
| report | too many rows failed | they are published: look at the reasons; clear `plan` to try open ones |

* A row that could not be compared is no failure of the Dag: it is a row with `failure_code` and
  `failure_message` in the table. Where `is_open` is true (an image was missing, forbidden, archived, the
  vendor could not fetch it, no answer came) the next run of the date tries the pair again: clear `plan`.
* **A store away, an expired key, a missing right**: `compare` waits, at most `store_patience`, and goes on by
  itself when it is mended; no pair fails for it.
* **What it will cost** is in the log of `plan`, its XCom `forecast` and `plan.html` beside the plan. With
  `plan_only` the run stops there: that is how to estimate dates before a backfill.
* **Approval**: above `approval_cost_limit` the run waits in `approve` and holds no slot; below it `approve`
  is skipped. *Reject* skips the rest and leaves the table; the log of `approve` says who has answered.
* **Backfill**: Dag page, *Trigger*, *Backfill*, with the dates; or
  `airflow backfill create --dag-id nightly_comparison --from-date 2026-11-20 --to-date 2026-11-22T23:59` runs
  the 20th, 21st and 22nd. `--to-date 2026-11-22` alone is that day's midnight, before its run at 02:00.
* **Who goes first**, in Airflow's slots and where the rate is not enough: scheduled runs, then runs started
  by hand or by an asset, then backfills. `maskmatch quota` shows who uses the rate; `maskmatch pause | resume
  | drain` act within 2 s.
* **Progress** (done, rate, time left, spend) is in the log, in the *Storage* tab of each `compare`
  task while it runs, and in its XCom `progress` at the end.
* **Run a date again**, also with a mended manifest: what has an answer is not paid again; pictures that were
  replaced under their keys are called by themselves. `reuse_days` takes answers of earlier dates, too.
* **Pay again on purpose**: trigger with `recompare`.
* **The face model has changed** (the run stopped and said so): trigger with `recompare`, or with
  `on_model_change` set to `go_on`, which keeps scores of both versions.
* Connections: `tencent_iai_default` (key, endpoint, rate limit), `maskmatch_storage` (S3 or
  COS). MASKMATCH_SOURCE_CONN_ID and MASKMATCH_WAREHOUSE_CONN_ID name one for each, if two keys are used.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param, TriggerRule

from maskmatch.operators import (
    ApprovePlanOperator,
    CompareMaskFaceOperator,
    PlanComparisonOperator,
    PublishOutcomesOperator,
    ReportOutcomesOperator,
)
from maskmatch.operators.dag_parts import connections, shared_params, tries

PLAN = "{{ ti.xcom_pull(task_ids='plan', key='plan') }}"

with DAG(
    dag_id="nightly_comparison",
    description="Compare the pairs of a date with CompareMaskFace and publish their outcomes.",
    doc_md=__doc__,
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["maskmatch"],
    default_args={
        **tries(),
        "source": "{{ params.source }}",
        "warehouse": "{{ params.warehouse }}",
        **connections(),
        "store_patience": "{{ params.store_patience }}",
    },
    params={
        **shared_params("source", "warehouse", "quality_control", "nominal_fmr", "image_transfer"),
        "calls_in_flight": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=256,
            title="Calls in flight",
            description="Calls in flight at most, in each compare task. Empty: what the rate needs and the "
            "service answers in time.",
        ),
        "call_timeout": Param(
            10,
            type="number",
            exclusiveMinimum=5,
            maximum=60,
            title="Time limit of a call",
            description="Seconds. Best is 2.5 times what the service needs for a call.",
        ),
        "max_bad_rows": Param(
            "50% of 100",
            type="string",
            title="Bad rows at most",
            description="Share of the manifest's rows that may be no pairs, of so many rows at least. Above "
            "it nothing is called and nothing replaced.",
        ),
        "max_missing_share": Param(
            "50% of 100",
            type="string",
            title="Missing images at most",
            description="Of the first 100 pairs, the share that may lack an image. Above it nothing is "
            "called.",
        ),
        "max_failed_share": Param(
            "50% of 100",
            type="string",
            title="Failed rows at most",
            description="Above this share the last task fails, after the outcomes were published.",
        ),
        "allow_empty": Param(
            False,
            type="boolean",
            title="Allow an empty table",
            description="Replace the table of the date also when not one call was answered.",
        ),
        "store_patience": Param(
            300,
            type="number",
            minimum=0,
            maximum=86400,
            title="Patience with stores",
            description="Seconds that a trouble of a store may last (it is away, its key has expired, a "
            "right is missing) before the task ends with the cure. No pair fails for it.",
        ),
        "budget_calls": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Budget in calls",
            description="Calls that this run may make at most, retries included. Empty: no limit.",
        ),
        "budget_cny": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Budget in CNY",
            description="Money that this run may spend at most, retries included. Empty: no limit.",
        ),
        "max_shards": Param(
            4,
            type="integer",
            minimum=1,
            maximum=32,
            title="Compare tasks at most",
            description="One saturates an account of 50 calls/s; more help with large images.",
        ),
        "manifest_columns": Param(
            None,
            type=["null", "string"],
            title="Columns of the manifests",
            description="Their names there, such as reference_id=img1, probe_id=img2. Empty: as ours.",
        ),
        "manifest_encoding": Param(
            None,
            type=["null", "string"],
            title="Encoding of the manifests",
            description="Such as gb18030. Empty: it is found out.",
        ),
        "reuse_days": Param(
            0,
            type="integer",
            minimum=0,
            maximum=365,
            title="Reuse answers of so many days",
            description="Answers to the same two pictures that are not older are taken over and not paid "
            "again. Those of the date itself always are.",
        ),
        "on_model_change": Param(
            "stop",
            type="string",
            enum=["stop", "go_on"],
            title="When the face model changes",
            description="Scores of two versions are not comparable: stop, or go on and mark each with its "
            "model_version.",
        ),
        "trust_tags": Param(
            True,
            type="boolean",
            title="Trust tags",
            description="Know images by the MD5 that the store has as their tag. Off: by their ids, until "
            "they are read.",
        ),
        "same_image": Param(
            "call",
            type="string",
            enum=["call", "skip"],
            title="Same image twice",
            description="Call or skip pairs whose two images have the same content.",
        ),
        "strata_attribute": Param(
            None,
            type=["null", "string"],
            pattern="^attr_.+",
            title="Attribute of strata",
            description="Each part of the calls has its share of every value of this attribute (attr_...), "
            "as it has of mated and non-mated pairs.",
        ),
        "recompare": Param(
            False,
            type="boolean",
            title="Compare again",
            description="Call every pair again, also those that have a score. They are paid again.",
        ),
        "plan_only": Param(
            False,
            type="boolean",
            title="Plan only",
            description="Forecast calls, cost and end, then stop: nothing is called, the table stays.",
        ),
        "approval_cost_limit": Param(
            None,
            type=["null", "number"],
            minimum=0.01,
            title="Approval above, CNY",
            description="A plan that may cost more waits until a person has approved it. Empty: what the "
            "connection says, 1000 if nothing; not more than that.",
        ),
        "deadline": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9]{1,2}:[0-9]{2}$",
            title="Deadline",
            description="Time of day at which a run should have ended, such as 08:00; the forecast says "
            "whether it will. Empty: none.",
        ),
        "time_zone": Param(
            "UTC",
            type="string",
            title="Time zone of the deadline",
            description="Such as Asia/Shanghai.",
        ),
    },
):
    plan = PlanComparisonOperator(
        task_id="plan",
        quality_control="{{ params.quality_control }}",
        max_shards="{{ params.max_shards }}",
        recompare="{{ params.recompare }}",
        reuse_days="{{ params.reuse_days }}",
        max_bad_rows="{{ params.max_bad_rows }}",
        manifest_columns="{{ params.manifest_columns or '' }}",
        manifest_encoding="{{ params.manifest_encoding or '' }}",
        trust_tags="{{ params.trust_tags }}",
        same_image="{{ params.same_image }}",
        strata_attribute="{{ params.strata_attribute or '' }}",
        max_missing_share="{{ params.max_missing_share }}",
        image_transfer="{{ params.image_transfer }}",
        plan_only="{{ params.plan_only }}",
        deadline="{{ params.deadline or '' }}",
        time_zone="{{ params.time_zone }}",
    )
    approve = ApprovePlanOperator(
        task_id="approve", plan=PLAN, approval_cost_limit="{{ params.approval_cost_limit or '' }}"
    )
    compare = CompareMaskFaceOperator.partial(
        task_id="compare",
        plan=PLAN,
        image_transfer="{{ params.image_transfer }}",
        calls_in_flight="{{ params.calls_in_flight or '' }}",
        call_timeout="{{ params.call_timeout }}",
        on_model_change="{{ params.on_model_change }}",
        budget_calls="{{ params.budget_calls or '' }}",
        budget_cny="{{ params.budget_cny or '' }}",
        approval_cost_limit="{{ params.approval_cost_limit or '' }}",
        trigger_rule=TriggerRule.NONE_FAILED,  # approve is skipped where nobody needs to be asked
        max_active_tis_per_dagrun=8,  # not per Dag: backfills would keep others from theirs
    ).expand(shard=plan.output)
    publish = PublishOutcomesOperator(
        task_id="publish",
        plan=PLAN,
        nominal_fmr="{{ params.nominal_fmr }}",
        allow_empty="{{ params.allow_empty }}",
        trigger_rule=TriggerRule.NONE_FAILED,  # a manifest of bad rows alone has nothing to compare
    )
    report = ReportOutcomesOperator(
        task_id="report", plan=PLAN, max_failed_share="{{ params.max_failed_share }}"
    )

    plan >> approve >> compare >> publish >> report
    # So that clearing publish after a rejection, or in a run that only plans, skips it anew.
    [plan, approve] >> publish
