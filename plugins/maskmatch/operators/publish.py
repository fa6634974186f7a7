"""The task that publishes: the tables of a date."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskmatch.operators.base import MaskmatchBaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishOutcomesOperator(MaskmatchBaseOperator):
    """Check the books and replace the outcomes of the date.

    :param plan: folder of the plan
    :param allow_empty: true to replace a table also by one without a single answer
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001
    """

    template_fields: Sequence[str] = (
        *MaskmatchBaseOperator.template_fields,
        "plan",
        "nominal_fmr",
        "allow_empty",
    )

    def __init__(
        self, *, plan: str, nominal_fmr: float | str = 1e-4, allow_empty: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.nominal_fmr = nominal_fmr
        self.allow_empty = allow_empty

    def execute(self, context: "Context") -> dict[str, int]:
        """Publish; return how many rows were scored, failed and skipped, and the calls billed."""
        from maskmatch.pipeline.publish import publish
        from maskmatch.storage.plans import find_plan

        run = self.run_of(context)
        row = publish(
            run,
            find_plan(run.patient_warehouse(), self.plan),
            nominal_fmr=self.setting("nominal_fmr"),
            allow_empty=self.setting("allow_empty"),
        )
        return {
            name: row[name] for name in ("scored", "failed", "skipped", "billed_calls", "maybe_billed_calls")
        }
