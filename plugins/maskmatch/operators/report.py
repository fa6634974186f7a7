"""The task that reports: what the run came to, in its log."""

from typing import TYPE_CHECKING

from maskmatch.operators.base import MaskmatchBaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReportOutcomesOperator(MaskmatchBaseOperator):
    """Write the counts by reason and the scores by kind of pair to the log."""

    def execute(self, context: "Context") -> str:
        """Report what was published; return the address of the table."""
        from maskmatch.pipeline.report import report
        from maskmatch.storage.tables import outcomes_address

        run = self.run_of(context)
        self.log.info("%s\n%s", run.day, report(run))
        return outcomes_address(run.warehouse, run.day)
