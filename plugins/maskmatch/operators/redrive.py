"""The task that redrives one date: it plans, pays and publishes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from maskmatch.operators.assets import announced
from maskmatch.operators.compare import CompareMaskFaceOperator
from maskmatch.operators.lineage import lineage
from maskmatch.operators.publish import published_by

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.core.planning import Plan
    from maskmatch.engine.progress import Progress
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.pipeline.run import Run


class RedriveFailuresOperator(CompareMaskFaceOperator):
    """Call chosen failed pairs of a published date anew, and publish it with all other rows as they were.

    A retry goes on where the one before was cut off: the same choice from the same publication is the same
    plan. A date of which no failed row is chosen is skipped. The rest is as of `CompareMaskFaceOperator`.

    :param codes: failure codes; none: every open failure
    :param classes: failure classes; none: all
    :param also_final: true to take final failures without naming their codes
    :param quality_control: 0 (off) to 4 (strict), for rows without a value of their own
    :param manifest_columns: names of columns in the manifests, such as reference_id=img1, probe_id=img2
    :param manifest_encoding: their encoding, where it is not found out
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001; empty: that
        of the publication before
    """

    template_fields: Sequence[str] = (
        *CompareMaskFaceOperator.template_fields,
        "codes",
        "classes",
        "also_final",
        "quality_control",
        "manifest_columns",
        "manifest_encoding",
        "nominal_fmr",
    )

    def __init__(  # each is a setting
        self,
        *,
        codes: Sequence[str] | str = (),
        classes: Sequence[str] | str = (),
        also_final: bool | str = False,
        quality_control: int | str = 0,
        manifest_columns: str | None = None,
        manifest_encoding: str | None = None,
        nominal_fmr: float | str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(plan="", shard="", **kwargs)
        self.codes = codes
        self.classes = classes
        self.also_final = also_final
        self.quality_control = quality_control
        self.manifest_columns = manifest_columns
        self.manifest_encoding = manifest_encoding
        self.nominal_fmr = nominal_fmr
        self._rows: dict[str, int] = {}

    @property
    def place(self) -> str:
        """Return the date alone: its shards are compared as one."""
        return f"task {self.task_id}, date {self.day}"

    def _compare(self, context: "Context", report: Callable[[dict[str, Any]], None]) -> "Progress":
        from maskmatch.core.errors import ApprovalMissing
        from maskmatch.pipeline.calling import coordinator_of
        from maskmatch.pipeline.compare import compare_shards
        from maskmatch.pipeline.publish import PublishOptions, lock_in, nobody_knows, permits_of, publish
        from maskmatch.pipeline.redrive import redriven_publication

        self.tell_params(context)
        run = self.run_of(context)
        self.tell_run(context, run)
        # The permit store counts the permits of a run: those of one of its dates are not known.
        of_several_dates = len(set(context["params"].get("dates", ()))) > 1
        options = self._options(context["dag_run"].run_type, report)
        plan = self._planned(run, options)
        self.tell_run(context, run, plan)
        try:
            progress = compare_shards(run, plan, plan.to_compare, options) if plan.pairs else None
        except ApprovalMissing as missing:
            missing.cure = f"Run `maskmatch redrive --date {self.day}`, which can ask. Nothing was called."
            raise
        row = publish(
            run,
            plan,
            PublishOptions(
                nominal_fmr=None if self.entered("nominal_fmr").is_empty else self.setting("nominal_fmr"),
                reason="redrive",
                base=redriven_publication(plan),
                by=published_by(context),
                time_zone=options.budgets.time_zone,
                permits=nobody_knows if of_several_dates else permits_of(lambda: coordinator_of(options)),
                lock=lock_in(lambda: coordinator_of(options), waits=run.waits),
            ),
        )
        self._rows = announced(self, context, run, row)
        self.tell_publication(context, run, row)
        if progress is None:
            raise AirflowSkipException("all chosen pairs have answers by now: published without a call")
        return progress

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Return the tables, for Airflow's provider of OpenLineage."""
        return lineage(warehouse=self.warehouse, rows=self._rows)

    def _planned(self, run: "Run", options: "CompareOptions") -> "Plan":
        from maskmatch.core.planning import PlanOptions
        from maskmatch.core.redrive import read_selection
        from maskmatch.pipeline.answered_plan import asked, bucket_opener
        from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan

        named = {"failure_code": self.codes, "failure_class": self.classes}
        words = [f"{column}={_listed(values)}" for column, values in named.items() if values]
        with kept_outcomes(run, read_selection(words, also_final=self.setting("also_final"))) as kept:
            self.log.info("%s: %s", run.day, kept)
            if not kept.codes:
                raise AirflowSkipException(f"nothing to redrive on {run.day}")
            choices = PlanOptions(
                quality_control=self.setting("quality_control"), manifests=self.manifest_options()
            )
            open_bucket = bucket_opener(run, options.open_store, options.reach)
            plan = make_redrive_plan(run, asked(choices, options), kept, open_bucket)
        self.log.info("%s", plan)
        return plan


def _listed(values: Sequence[str] | str) -> str:
    return values if isinstance(values, str) else ",".join(values)
