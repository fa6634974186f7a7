"""What all tasks of a run share.

An argument that is a template is text in the Dag; what it renders to has the type of the setting where the
Dag has `render_template_as_native_obj`, as ours have.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowRescheduleException

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.errors import OutsideHours
from maskmatch.links import LINKS
from maskmatch.operators.alerts import Alerts, notifier_in
from maskmatch.operators.known_errors import PROBLEM_KEY, note, tells_known_errors
from maskmatch.operators.run_params import params_of_run
from maskmatch.operators.waiting import SHORTEST_SECONDS

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from maskmatch.core.errors import BudgetSpent
    from maskmatch.core.manifest_options import ManifestOptions
    from maskmatch.core.planning import Plan
    from maskmatch.hooks.tencent_iai import TencentIaiHook
    from maskmatch.pipeline.run import Run
    from maskmatch.settings.fields import Entered

ACCOUNT_CONN_ID = "tencent_iai_default"
STORAGE_CONN_ID = "maskmatch_storage"
RUN_KEY = "maskmatch_run"
"""XCom by which the page of a run knows date, warehouse, account and plan."""
SUMMARY_KEY = "summary"
"""XCom by which the page knows what was published: the date, its table, rows by outcome, and the spend."""
RESCHEDULE_JITTER_SECONDS = 60.0
"""Tasks that wait for the same window of a budget come back one by one."""


class MaskmatchBaseOperator(BaseOperator):
    """One task of the run of one date.

    :param source: address of the folder with manifests/ds=<date>/ and the images
    :param warehouse: address of the folder for plans, journals and tables
    :param day: the date, by default that of the run's logical date
    :param store_patience: seconds that a trouble of a store may last which may pass
    :param source_conn_id: connection that reads the source, and images in other buckets
    :param warehouse_conn_id: connection that reads and writes the warehouse
    :param execution_timeout_hours: what `execution_timeout` is, where it comes from a Param; None: no limit
    """

    template_fields: Sequence[str] = (
        "source",
        "warehouse",
        "day",
        "store_patience",
        "execution_timeout_hours",
    )
    operator_extra_links: Collection[BaseOperatorLink] = LINKS

    def __init__(
        self,
        *,
        source: str,
        warehouse: str,
        day: str = "{{ ds | default('') }}",
        store_patience: float | str = 300,
        source_conn_id: str = STORAGE_CONN_ID,
        warehouse_conn_id: str = STORAGE_CONN_ID,
        execution_timeout_hours: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.warehouse = warehouse
        self.day = day
        self.store_patience = store_patience
        self.source_conn_id = source_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self.execution_timeout_hours = execution_timeout_hours

    @tells_known_errors
    def pre_execute(self, context: Any) -> None:
        """Set the time limit of this try, which Airflow itself knows only as a constant of the Dag."""
        self.show_links(context)
        with suppress(Exception):  # what kept the try before from going on is over
            context["task_state_store"].delete(PROBLEM_KEY)
        if hours := self.setting("execution_timeout_hours"):
            self.execution_timeout = timedelta(hours=hours)

    def run_of(self, context: "Context") -> "Run":
        """Return the stores, the date and the name of the run; from now on `alerts` tell a person."""
        from maskmatch.hooks.connected_run import connected_run

        self.alerts = Alerts(notifier_in(self.on_failure_callback), context)
        return connected_run(
            self.source,
            self.warehouse,
            self.day,
            run_id=context["run_id"],
            dag_id=self.dag_id,
            source_conn_id=self.source_conn_id,
            warehouse_conn_id=self.warehouse_conn_id,
            store_patience=self.setting("store_patience"),
            waits=self.alerts.waits,
        )

    def tell_params(self, context: "Context") -> None:
        """Log which Params took effect, and from where; raise WrongSetting for one that is mistyped."""
        params = params_of_run(context)
        for line in params.lines():
            self.log.info("%s", line)
        params.refuse_mistyped(place=f"task {self.task_id}")

    @property
    def place(self) -> str:
        """Return which piece of work this is, for messages."""
        return f"task {self.task_id}, date {self.day}"

    def show_links(self, context: "Context") -> None:
        """Let the buttons of the task lead somewhere from now on; Airflow itself does so at its end."""
        with suppress(Exception):  # nothing depends on them
            task: Any = context["ti"]  # it has all that a key has
            for link in self.operator_extra_links:
                task.xcom_push(key=link.xcom_key, value=link.get_link(self, ti_key=task))

    def note(self, context: "Context", reason: str, cure: str, *, is_wait: bool = False) -> None:
        """Keep what keeps the task from going on for the page, on which nothing depends.

        The page shows a wait only as long as Airflow waits, too: a task that was killed needs more than time.
        """
        note(context, place=self.place, reason=reason, cure=cure, is_wait=is_wait)

    def next_window(
        self, context: "Context", spent: "BudgetSpent", until: datetime
    ) -> AirflowRescheduleException:
        """Return what makes Airflow run the task again when more may be called; a spent budget is told."""
        back = until + timedelta(seconds=random.uniform(SHORTEST_SECONDS, RESCHEDULE_JITTER_SECONDS))  # noqa: S311
        self.log.warning("%s; this task goes on at %s and holds no slot until then", spent, back.isoformat())
        cure = f"Nothing: it goes on by itself at {back:%Y-%m-%d %H:%M} UTC."
        self.note(context, str(spent), cure, is_wait=True)
        if not isinstance(spent, OutsideHours):
            cause = f"{spent.window} {until}"
            self.alerts.tell_now(Alert(kind=Kind.BUDGET_SPENT, cause=cause, text=str(spent)))
        return AirflowRescheduleException(back)  # type: ignore[no-untyped-call]  # it has no annotations

    def setting(self, name: str) -> Any:
        """Return what an argument is set to; raise WrongSetting."""
        from maskmatch.settings.run_fields import RUN_FIELDS

        return RUN_FIELDS[name].value_of(self.entered(name))

    def manifest_options(self) -> "ManifestOptions":
        """Return how the manifests are read, of an operator that has arguments for it."""
        from maskmatch.core.manifest_options import ManifestOptions

        return ManifestOptions(
            columns=self.setting("manifest_columns"), encoding=self.setting("manifest_encoding")
        )

    def entered(self, name: str) -> "Entered":
        """Return an argument as it was entered, and where: an argument of a task, or a Param."""
        from maskmatch.settings.fields import Entered

        return Entered(getattr(self, name), f"task {self.task_id}, {name}")


class AccountOperator(MaskmatchBaseOperator):
    """A task that needs the account.

    :param tencent_iai_conn_id: connection of the account
    """

    def __init__(self, *, tencent_iai_conn_id: str = ACCOUNT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tencent_iai_conn_id = tencent_iai_conn_id

    @cached_property
    def hook(self) -> "TencentIaiHook":
        """Return the hook of the account."""
        from maskmatch.hooks.tencent_iai import TencentIaiHook

        return TencentIaiHook(self.tencent_iai_conn_id)

    def tell_publication(self, context: "Context", run: "Run", row: "Mapping[str, Any]") -> None:
        """Tell the log and the page what was published, by its row in the table of runs."""
        from maskmatch.pipeline.report import by_reason, count_published, spent_words, summary

        counts = count_published(run)
        told = summary(run, counts, spent_words(row), publication=str(row["publication"]))
        self.log.info("%s\n%s\n\n%s\nTable: %s", run.day, by_reason(counts), told["spent"], told["table"])
        context["ti"].xcom_push(key=SUMMARY_KEY, value=told)

    def tell_run(self, context: "Context", run: "Run", plan: "Plan | None" = None) -> None:
        """Tell the page of the run what for it is, with which account, and how much there is to do."""
        from maskmatch.storage.tables import outcomes_address

        record = {
            "day": self.day,
            "account": self.tencent_iai_conn_id,
            "warehouse": run.warehouse.uri,
            "table": outcomes_address(run.warehouse, run.day),
            **(plan.facts() if plan else {}),
        }
        context["ti"].xcom_push(key=RUN_KEY, value=record)


def plan_in(run: "Run", folder: "str | XComArg") -> "Plan":
    """Return the plan in a folder of the warehouse, as it has been rendered."""
    from maskmatch.storage.plans import find_plan

    return find_plan(run.patient_warehouse(), str(folder))
