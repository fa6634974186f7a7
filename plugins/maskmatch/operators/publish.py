"""The task that publishes: the tables of a date."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskmatch.operators.assets import COUNTS, DATE, announce, announced
from maskmatch.operators.base import AccountOperator, plan_in
from maskmatch.operators.known_errors import tells_known_errors
from maskmatch.operators.lineage import lineage

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class PublishOutcomesOperator(AccountOperator):
    """Check the books and replace the outcomes of the date.

    :param plan: folder of the plan
    :param allow_empty: true to replace a table also by one without a single answer
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001
    """

    template_fields: Sequence[str] = (
        *AccountOperator.template_fields,
        "plan",
        "nominal_fmr",
        "allow_empty",
    )

    def __init__(
        self,
        *,
        plan: "str | XComArg",
        nominal_fmr: float | str = 1e-4,
        allow_empty: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.nominal_fmr = nominal_fmr
        self.allow_empty = allow_empty
        self._rows: dict[str, int] = {}

    @tells_known_errors
    def execute(self, context: "Context") -> dict[str, int]:
        """Publish; return how many rows were scored, failed and skipped, and the calls billed."""
        from maskmatch.core.errors import Superseded
        from maskmatch.pipeline.publish import PublishOptions, lock_in, permits_of, publish

        run = self.run_of(context)
        settings = self.hook.get_settings()
        options = PublishOptions(
            nominal_fmr=self.setting("nominal_fmr"),
            allow_empty=self.setting("allow_empty"),
            by=published_by(context),
            time_zone=settings.budgets.time_zone,
            permits=permits_of(settings.open_coordinator),
            lock=lock_in(settings.open_coordinator, waits=run.waits),
        )
        try:
            row = publish(run, plan_in(run, self.plan), options)
        except Superseded as error:
            self.log.warning("%s", error)
            announce(self, context, {DATE: self.day, "superseded": True})
            return {}
        self._rows = announced(self, context, run, row)
        return {name: row[name] for name in COUNTS}

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Return manifests and tables, for Airflow's provider of OpenLineage."""
        return lineage(source=self.source, warehouse=self.warehouse, rows=self._rows)


class RepublishOperator(AccountOperator):
    """Publish a date again without a call: with another threshold, or as it was at an earlier publication.

    :param publication: name of an earlier publication; None: the newest plan, with `nominal_fmr`
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001
    """

    template_fields: Sequence[str] = (*AccountOperator.template_fields, "publication", "nominal_fmr")

    def __init__(
        self,
        *,
        publication: str | None = None,
        nominal_fmr: float | str = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.publication = publication
        self.nominal_fmr = nominal_fmr
        self._rows: dict[str, int] = {}

    @tells_known_errors
    def execute(self, context: "Context") -> str:
        """Publish; return the name of the new publication."""
        from maskmatch.pipeline.publish import PublishOptions, lock_in, publish_again

        self.tell_params(context)
        run = self.run_of(context)
        self.tell_run(context, run)
        settings = self.hook.get_settings()
        options = PublishOptions(
            nominal_fmr=self.setting("nominal_fmr"),
            reason="republish",
            by=published_by(context),
            time_zone=settings.budgets.time_zone,
            lock=lock_in(settings.open_coordinator, waits=run.waits),
        )
        row = publish_again(run, self.publication or "", options)
        self._rows = announced(self, context, run, row)
        self.tell_publication(context, run, row)
        self.log.info("%s: %s is the current publication", self.day, row["publication"])
        return str(row["publication"])

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Return the tables, for Airflow's provider of OpenLineage."""
        return lineage(warehouse=self.warehouse, rows=self._rows)


def published_by(context: "Context") -> str:
    """Return who publishes: Dag and task, and whoever triggered the run."""
    task = context["ti"]
    user = getattr(context["dag_run"], "triggering_user_name", None)
    return f"{task.dag_id}.{task.task_id}" + (f" for {user}" if user else "")
