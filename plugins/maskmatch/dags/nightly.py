"""Compare the pairs of a date with CompareMaskFace and publish their outcomes.

This Dag compares the pairs of one date, that of its logical date in the time zone of its schedule: it reads
`<source>/manifests/ds=<date>/`, calls CompareMaskFace for every pair within the account's rate limit, and
replaces `<warehouse>/outcomes/current/ds=<date>/data.parquet`. Running a date again is safe: only pairs
without a final answer are called, so nothing is paid twice.

**When a task fails, its log ends with WHERE, WHAT and DO, and so begins its tab *Maskmatch*.**

| task | it says | do |
|---|---|---|
| plan | no manifest, an empty one, column missing | fix the manifest, clear `plan` (with downstream) |
| plan | (it waits) no manifest | nothing: with `manifest_wait` it looks again every few minutes |
| plan, compare | no calls are allowed at this hour | nothing: it goes on by itself (`rate_by_hour`) |
| plan, compare | SecretId, signature, arrears, permission | fix connection or account, clear the task |
| plan, compare | cannot be reached | it is tried again by itself; look at endpoint and network |
| approve | (it waits) | *Required Actions*: look at the forecast, approve or reject |
| compare | nobody has approved it | clear `approve` (with downstream) and answer; not *success* by hand |
| compare | killed, out of memory, worker lost | nothing: the next try goes on from the journal |
| compare | the budget of the run is spent | what DO says; clearing keeps the budget, and fails again |
| compare | the budget of the day, month is spent | nothing: it goes on by itself in the next window |
| compare | drained | `maskmatch resume`, then clear `compare` (with downstream) |
| compare | (it waits) another run compares this date | nothing: it goes on when that one ends |
| plan | too many bad rows, images missing | fix manifest or source, clear `plan`; another limit: as DO says |
| publish | pairs have no outcome yet | clear the `compare` tasks that failed |
| publish | no call was answered | look at the rows it names; clear `plan`, or `allow_empty` as DO says |
| any | (it names a Param) | as DO says: clearing keeps the Params of the run, and fails again |
| report | too many rows failed | they are published: look at the reasons; clear `plan` to try open ones |

* A row that could not be compared is no failure of the Dag: it is a row with `failure_code` and
  `failure_message` in the table. Where `is_open` is true (an image was missing, forbidden, archived, the
  vendor could not fetch it, no answer came) the next run of the date tries the pair again: clear `plan`.
* **A manifest that has a header and no row** is no failure either: nothing is published, the table stays.
* **A store away, an expired key, a missing right**: `compare` waits, at most `store_patience`, and goes on by
  itself when it is mended; no pair fails for it.
* **What it will cost** is in the log of `plan`, its XCom `forecast` and `plan.html` beside the plan. With
  `plan_only` the run stops there: that is how to estimate dates before a backfill.
* **Approval**: above `approval_cost_limit` the run waits in `approve` and holds no slot; below it `approve`
  is skipped. *Reject* skips the rest and leaves the table; the log of `approve` says who has answered.
* **Backfill**: {backfill}
* **Params**: the log of `plan` says in its first lines which took effect, and from where. Clearing asks for
  none: a run keeps its own. Other ones need a new run of the date (*Trigger*, *Single Run*, with another
  minute of it as *Logical Date*), or a backfill of it with *All Runs* and the tick.
* **Another threshold** for a date that is published, or an earlier publication of it: not here, and not by
  clearing `publish`. Trigger the Dag `republish` with the date and `nominal_fmr`; nothing is called or paid.
  The tag *maskmatch* on this page leads to it and to `redrive_failures`.
* **Who goes first**, in slots and where the rate is not enough: scheduled runs, and what another Dag starts,
  as `compare_on_assets`; then runs started by hand or by an asset; then backfills. `maskmatch quota` shows
  who uses the rate; `maskmatch pause | resume | drain` act within 2 s.
* **Progress** of the whole run (done, rate, time left, spend, failures by reason, who has paused it) is in
  its tab *Maskmatch*, one click from the grid; all runs and the account are on the page *Maskmatch* in the
  bar on the left, where runs are paused and resumed, too.
* **Run a date again**, also with a mended manifest: what has an answer is not paid again; pictures that were
  replaced under their keys are called by themselves. `reuse_days` takes answers of earlier dates, too.
* **Pay again on purpose**: trigger with `recompare`.
* **The face model has changed** (the run stopped and said so): trigger with `recompare`, or with
  `on_model_change` set to `go_on`, which keeps scores of both versions.
* Connections: of type `tencent_iai` (key, endpoint, rate limit) and `maskmatch_store` (S3 or COS), one or one
  each for source and warehouse. The file of this Dag names them, and the defaults of all Params.
"""

from datetime import date
from typing import Unpack

from airflow.sdk import DAG, Asset, TriggerRule

from maskmatch.dags.installation import Installation, date_in, installed_dag, named_here, timetable
from maskmatch.dags.params import from_params, params_of
from maskmatch.operators import (
    ApprovePlanOperator,
    CompareMaskFaceOperator,
    PlanComparisonOperator,
    PublishOutcomesOperator,
    ReportOutcomesOperator,
)
from maskmatch.operators.assets import outcomes_asset
from maskmatch.operators.compare import SHARD_LABEL
from maskmatch.timetables import DatedCronTimetable

_OF_PLAN = (
    "quality_control", "image_transfer", "max_bad_rows", "max_missing_share", "max_shards",
    "manifest_columns", "manifest_encoding", "reuse_days", "trust_tags", "same_image", "strata_attribute",
    "recompare", "plan_only", "deadline", "time_zone", "manifest_wait",
)  # fmt: skip
_OF_COMPARE = (
    "image_transfer",
    "calls_in_flight",
    "call_timeout",
    "on_model_change",
    "budget_calls",
    "budget_cny",
    "approval_cost_limit",
)
_IN_THE_FORM = (
    "source", "warehouse", "quality_control", "nominal_fmr", "image_transfer", "calls_in_flight",
    "call_timeout", "max_bad_rows", "max_missing_share", "max_failed_share", "allow_empty", "store_patience",
    "budget_calls", "budget_cny", "max_shards", "manifest_columns", "manifest_encoding", "reuse_days",
    "on_model_change", "trust_tags", "same_image", "strata_attribute", "recompare", "plan_only",
    "approval_cost_limit", "deadline", "time_zone", "manifest_wait",
    "execution_timeout",
)  # fmt: skip
_BACKFILL = """Dag page, *Trigger*, *Backfill*, with the dates; or
  `airflow backfill create --dag-id nightly_comparison --from-date {first} --to-date {last}`
  runs the 20th, 21st and 22nd of November. Both are minutes: a last one before that of the schedule leaves
  out its date. A date is meant in {zone}, the form's as the page shows times. The form sends no Param, not
  even for new runs, unless *Override parameters on existing runs* is ticked."""
_NO_BACKFILL = "this Dag has no schedule: *Trigger* it for each date, with a minute of it as *Logical Date*."


def nightly_comparison(
    dag_id: str = "nightly_comparison",
    *,
    schedule: str | None = "0 2 * * *",
    timezone: str = "UTC",
    **installation: Unpack[Installation],
) -> DAG:
    """Return the Dag that compares the pairs of a date: plan, approve, compare, publish, report.

    :param schedule: cron expression in that time zone, None for runs that are started by hand alone
    :param timezone: that of the schedule, and of the date that a run compares
    :param installation: source and warehouse, which are required, connections, defaults of Params, notifier
    """
    runs = timetable(schedule, timezone)
    with installed_dag(
        dag_id,
        installation,
        description="Compare the pairs of a date with CompareMaskFace and publish their outcomes.",
        runbook=named_here(_runbook(runs), installation.get("dag_ids", {}), nightly_comparison=dag_id),
        schedule=runs,
        params=params_of(*_IN_THE_FORM),
        defaults={"time_zone": timezone},
        default_args={"day": date_in(timezone), **from_params("store_patience")},
    ) as dag:
        _tasks(outcomes_asset(installation["warehouse"]))
    return dag


def _runbook(runs: DatedCronTimetable | None) -> str:
    backfill = _NO_BACKFILL
    if runs:
        first, last = (runs.minutes_of(date(2026, 11, day))[at] for day, at in ((20, 0), (22, 1)))
        dates = {"first": first.isoformat(timespec="minutes"), "last": last.isoformat(timespec="minutes")}
        backfill = _BACKFILL.format(**dates, zone=runs.zone)
    return str(__doc__).replace("{backfill}", backfill)


def _tasks(outcomes: Asset) -> None:
    plan = PlanComparisonOperator(task_id="plan", **from_params(*_OF_PLAN))
    folder = plan.output["plan"]  # type: ignore[index]  # of a task that is not mapped, it can be
    approve = ApprovePlanOperator(task_id="approve", plan=folder, **from_params("approval_cost_limit"))
    compare = CompareMaskFaceOperator.partial(
        task_id="compare",
        map_index_template=SHARD_LABEL,
        plan=folder,
        **from_params(*_OF_COMPARE),
        trigger_rule=TriggerRule.NONE_FAILED,  # approve is skipped where nobody needs to be asked
        max_active_tis_per_dagrun=8,  # not per Dag: backfills would keep others from theirs
    ).expand(shard=plan.output)
    publish = PublishOutcomesOperator(
        task_id="publish",
        plan=folder,
        outlets=[outcomes],
        **from_params("nominal_fmr", "allow_empty"),
        trigger_rule=TriggerRule.NONE_FAILED,  # a manifest of bad rows alone has nothing to compare
    )
    report = ReportOutcomesOperator(task_id="report", plan=folder, **from_params("max_failed_share"))

    approve >> compare >> publish >> report
    # So that clearing publish after a rejection skips it anew; the plan's folder makes plan precede each.
    approve >> publish
