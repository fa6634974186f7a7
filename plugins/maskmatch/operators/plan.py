"""The first task of a run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import SkipMixin
from airflow.sdk.exceptions import AirflowRescheduleException

from maskmatch.operators.base import AccountOperator
from maskmatch.operators.compare import LABELS_KEY
from maskmatch.operators.known_errors import tells_known_errors
from maskmatch.operators.lineage import lineage
from maskmatch.operators.waiting import SHORTEST_SECONDS

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.core.forecast import Deadline, Forecast
    from maskmatch.core.planning import PlanOptions
    from maskmatch.pipeline.run import Run

FORECAST_KEY = "forecast"
_LEAST_LOOK, _MOST_LOOK, _LOOKS = timedelta(seconds=SHORTEST_SECONDS), timedelta(minutes=5), 20
"""Between two looks for a manifest, each of which is the start of a task; and how many looks a wait has."""


class PlanComparisonOperator(AccountOperator, SkipMixin):
    """Read the manifests of the date, prove that the account works, write a plan and forecast it.

    Returns the keys of the shards with pairs to compare; XCom `plan` holds the plan's folder, `forecast` what
    it will cost, how long it will take and when it ends; the page `plan.html` beside the plan shows that.

    :param quality_control: 0 (off) to 4 (strict), for rows without a value of their own
    :param max_shards: compare tasks at most, 1 to 32
    :param max_bad_rows: rows that may be no pairs: a share such as 0.5, 50% or 50% of 100 (rows at least)
    :param max_missing_share: of the first 100 pairs, those that may lack an image
    :param image_transfer: how images are looked at, as they will be sent
    :param manifest_columns: names of columns in the manifests, such as reference_id=img1, probe_id=img2
    :param manifest_encoding: their encoding, where it is not found out
    :param reuse_days: days before the date whose answers are taken over, too, 0 to 365
    :param trust_tags: false to know images by their ids until they are read, not by their tags
    :param same_image: call, or skip, pairs whose images have the same content
    :param strata_attribute: attribute whose values have their share in each part of the calls
    :param recompare: true to call every pair again and pay again
    :param plan_only: true to end the run here: all later tasks are skipped
    :param manifest_wait: hours since the run began for which a manifest that is late is waited for; 0: none
    :param deadline: time of day at which the run should have ended, such as 08:00
    :param time_zone: that of the deadline
    """

    # What this task has skipped is skipped again when it is cleared: the scheduler asks only tasks with this.
    inherits_from_skipmixin = True

    template_fields: Sequence[str] = (
        *AccountOperator.template_fields, "quality_control", "max_shards", "recompare", "reuse_days",
        "max_bad_rows", "max_missing_share", "image_transfer", "manifest_columns", "manifest_encoding",
        "trust_tags", "same_image", "strata_attribute",
        "plan_only", "deadline", "time_zone", "manifest_wait",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  # each is a setting
        self,
        *,
        quality_control: int | str = 0,
        max_shards: int | str = 4,
        recompare: bool | str = False,
        reuse_days: int | str = 0,
        max_bad_rows: float | str = 0.5,
        max_missing_share: float | str = 0.5,
        image_transfer: str = "bytes",
        manifest_columns: str | None = None,
        manifest_encoding: str | None = None,
        trust_tags: bool | str = True,
        same_image: str = "call",
        strata_attribute: str | None = None,
        plan_only: bool | str = False,
        deadline: str | None = None,
        time_zone: str = "UTC",
        manifest_wait: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.quality_control = quality_control
        self.max_shards = max_shards
        self.recompare = recompare
        self.reuse_days = reuse_days
        self.max_bad_rows = max_bad_rows
        self.max_missing_share = max_missing_share
        self.image_transfer = image_transfer
        self.manifest_columns = manifest_columns
        self.manifest_encoding = manifest_encoding
        self.trust_tags = trust_tags
        self.same_image = same_image
        self.strata_attribute = strata_attribute
        self.plan_only = plan_only
        self.deadline = deadline
        self.time_zone = time_zone
        self.manifest_wait = manifest_wait

    @tells_known_errors
    def execute(self, context: "Context") -> list[str]:
        """Plan the run."""
        from maskmatch.core.alerts import Alert, Kind
        from maskmatch.core.errors import BudgetSpent
        from maskmatch.core.forecast import Deadline
        from maskmatch.core.forecast_words import lateness
        from maskmatch.hooks.connected_run import compare_options
        from maskmatch.hooks.run_types import priority_of
        from maskmatch.pipeline.answered_plan import asked, bucket_opener, make_answered_plan
        from maskmatch.pipeline.forecast import forecast_options, forecast_plan
        from maskmatch.pipeline.look_first import look_first

        self.tell_params(context)
        run = self.run_of(context)
        self.tell_run(context, run)
        since = context["dag_run"].start_date
        deadline = Deadline(self.setting("deadline"), self.setting("time_zone"), since)
        self._await_manifest(run, context, deadline)
        limit, plan_only = self.setting("max_missing_share"), self.setting("plan_only")
        compare = compare_options(
            self.hook,
            self.source_conn_id,
            priority=priority_of(context["dag_run"].run_type),
            image_transfer=self.setting("image_transfer"),
            waits=self.alerts.waits,
        )
        open_bucket = bucket_opener(run, compare.open_store, compare.reach)
        try:
            options = asked(self._options(run.run_id), compare)
        except (
            BudgetSpent
        ) as closed:  # the opening call needs no budget, but an hour at which calls are allowed
            if closed.until is None:
                raise
            raise self.next_window(context, closed, closed.until) from closed
        plan = make_answered_plan(run, options, open_bucket)
        look_first(run, plan, compare, limit)
        self.log.info("%s", plan)
        context["ti"].xcom_push(key="plan", value=plan.folder)
        self.tell_run(context, run, plan)
        context["ti"].xcom_push(key=LABELS_KEY, value=plan.labels())
        this = forecast_plan(run, plan, forecast_options(compare, deadline))
        self._tell(context, this, f"{run.warehouse.uri}/{plan.folder}/plan.html")
        if this.is_in_time is False:
            self.alerts.tell_now(Alert(kind=Kind.LATE, cause=str(this.deadline), text=lateness(this)))
        if plan_only:
            self.log.info("plan_only: the run ends here, nothing is called and the table stays as it is")
            self.skip(context["ti"], self.get_flat_relatives(upstream=False))
        return [shard.key for shard in plan.to_compare]

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Return the manifests, for Airflow's provider of OpenLineage."""
        return lineage(source=self.source)

    def _await_manifest(self, run: "Run", context: "Context", deadline: "Deadline") -> None:
        """Let the task look again later, without a slot, while there is no manifest and time is left."""
        from maskmatch.core.alerts import Alert, Kind
        from maskmatch.core.errors import ManifestMissing
        from maskmatch.storage.manifests import find_manifests

        if not (hours := self.setting("manifest_wait")):
            return
        wait, now = timedelta(hours=hours), datetime.now(UTC)
        until = (context["dag_run"].start_date or now) + wait
        try:
            find_manifests(run.patient_source(), run.day)
        except ManifestMissing as missing:
            if now >= until:
                raise ManifestMissing(
                    f"{missing}; it was waited for until {until:%Y-%m-%d %H:%M} UTC"
                ) from None
            if (end := deadline.seen_at(now)) and end <= now:
                self.alerts.tell_now(
                    Alert(
                        kind=Kind.LATE, cause=str(end), text=f"deadline {end:%Y-%m-%d %H:%M} UTC: {missing}"
                    )
                )
            back = max(now + _LEAST_LOOK, min(until, now + min(_MOST_LOOK, wait / _LOOKS)))
            self.log.warning(
                "%s; this task looks again at %s, until %s, and holds no slot", missing, back, until
            )
            cure = f"Nothing: it looks again by itself, until {until:%H:%M} UTC."
            self.note(context, str(missing), cure, is_wait=True)
            raise AirflowRescheduleException(back) from None  # type: ignore[no-untyped-call]  # not annotated

    def _options(self, run_id: str) -> "PlanOptions":
        from maskmatch.core.planning import PlanOptions, SameImage

        return PlanOptions(
            quality_control=self.setting("quality_control"),
            max_shards=self.setting("max_shards"),
            repetition=run_id if self.setting("recompare") else "",
            reuse_days=self.setting("reuse_days"),
            max_bad_rows=self.setting("max_bad_rows"),
            manifests=self.manifest_options(),
            trust_tags=self.setting("trust_tags"),
            same_image=SameImage(self.setting("same_image")),
            strata_attribute=self.setting("strata_attribute"),
        )

    def _tell(self, context: "Context", this: "Forecast", page: str) -> None:
        """Show the forecast in the log, and hand it over as XCom."""
        from maskmatch.core.forecast_record import to_record
        from maskmatch.core.forecast_words import lines

        for line in lines(this):
            self.log.info("%s", line)
        self.log.info("the same as a page: %s", page)
        context["ti"].xcom_push(key=FORECAST_KEY, value=to_record(this) | {"page": page})
