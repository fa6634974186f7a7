"""The task that reports: what the run came to, in its log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskmatch.operators.base import SUMMARY_KEY, MaskmatchBaseOperator, plan_in
from maskmatch.operators.known_errors import tells_known_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class ReportOutcomesOperator(MaskmatchBaseOperator):
    """Write the counts by reason and the scores by kind of pair to the log; fail when too many pairs have.

    :param plan: folder of the plan; without pairs there is nothing to report
    :param max_failed_share: rows that may fail: a share such as 0.5, 50% or 50% of 100 (rows at least)
    """

    template_fields: Sequence[str] = (*MaskmatchBaseOperator.template_fields, "plan", "max_failed_share")

    def __init__(
        self, *, plan: "str | XComArg" = "", max_failed_share: float | str = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.max_failed_share = max_failed_share

    @tells_known_errors
    def execute(self, context: "Context") -> str | None:
        """Report what was published; return the address of the table, None when there is none."""
        from maskmatch.pipeline.report import (
            check_failed,
            outcome_counts,
            published,
            render,
            spending,
            summary,
        )
        from maskmatch.storage.tables import outcomes_address

        limit = self.setting("max_failed_share")
        run = self.run_of(context)
        if self.plan and not plan_in(run, self.plan).rows:
            self.log.info("%s: no pairs tonight; what was published before stays", run.day)
            return None
        if (outcomes := published(run)) is None:
            self.log.info("%s: no pairs, and no table", run.day)
            return None
        table, spent = outcomes_address(run.warehouse, run.day), spending(run)
        self.log.info("%s\n%s\n\n%s\nTable: %s", run.day, render(outcomes), spent, table)
        context["ti"].xcom_push(key=SUMMARY_KEY, value=summary(run, outcome_counts(outcomes), spent))
        check_failed(outcomes, limit)
        return table
