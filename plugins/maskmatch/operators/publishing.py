"""The last tasks of a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskmatch.operators.base import RunOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishOutcomesOperator(RunOperator):
    """Check the books and replace the outcomes of the date.

    :param plan: folder of the plan
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001
    """

    template_fields: Sequence[str] = (*RunOperator.template_fields, "plan", "nominal_fmr")

    def __init__(self, *, plan: str, nominal_fmr: float | str = 1e-4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.nominal_fmr = nominal_fmr

    def execute(self, context: "Context") -> dict[str, int]:
        """Publish; return how many rows were scored, failed and skipped."""
        from maskmatch import publications, runs

        job = self.job(context)
        run = publications.publish(job, runs.find_plan(job, self.plan), nominal_fmr=float(self.nominal_fmr))
        return {
            name: run[name] for name in ("scored", "failed", "skipped", "billed_calls", "maybe_billed_calls")
        }


class SummariseOutcomesOperator(RunOperator):
    """Write the counts by reason and the scores by kind of pair to the log."""

    def execute(self, context: "Context") -> str:
        """Summarise what was published; return where the table lies."""
        from maskmatch.publications import outcomes_address, summary

        job = self.job(context)
        self.log.info("%s\n%s", job.day, summary(job))
        return outcomes_address(job)
