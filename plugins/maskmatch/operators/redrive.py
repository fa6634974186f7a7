"""The first task of a redrive: which failed pairs are called anew."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from maskmatch.operators.plan import PlanComparisonOperator

if TYPE_CHECKING:
    from maskmatch.core.planning import Plan, PlanOptions
    from maskmatch.pipeline.run import Run


class PlanRedriveOperator(PlanComparisonOperator):
    """Plan a published date so that chosen failed pairs alone are called; all other rows stay as they are.

    A date where no failed row is chosen is skipped. The rest is as of `PlanComparisonOperator`.

    :param codes: failure codes, parted by commas; empty: every open failure
    :param classes: failure classes, parted by commas; empty: all
    :param also_final: true to take final failures without naming their codes
    """

    template_fields: Sequence[str] = (
        *PlanComparisonOperator.template_fields,
        "codes",
        "classes",
        "also_final",
    )

    def __init__(
        self, *, codes: str = "", classes: str = "", also_final: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.codes = codes
        self.classes = classes
        self.also_final = also_final

    def _make_plan(self, run: "Run", options: "PlanOptions") -> "Plan":
        from maskmatch.core.redrive import read_selection
        from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan

        named = {"failure_code": self.codes, "failure_class": self.classes}
        words = [f"{column}={values}" for column, values in named.items() if values]
        with kept_outcomes(run, read_selection(words, also_final=self.setting("also_final"))) as kept:
            self.log.info("%s: %s", run.day, kept)
            if not kept.codes:
                raise AirflowSkipException(f"nothing to redrive on {run.day}")
            return make_redrive_plan(run, options, kept)
