"""What all tasks of a run share."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink

from maskmatch.links import LINKS
from maskmatch.operators.known_errors import PROBLEM_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.core.planning import Plan
    from maskmatch.pipeline.run import Run
    from maskmatch.settings.fields import Entered

ACCOUNT_CONN_ID = "tencent_iai_default"
STORAGE_CONN_ID = "maskmatch_storage"
RUN_KEY = "maskmatch_run"
"""XCom by which the page of a run knows date, warehouse, account and plan."""


class MaskmatchBaseOperator(BaseOperator):
    """One task of the run of one date.

    :param source: address of the folder with manifests/ds=<date>/ and the images
    :param warehouse: address of the folder for plans, journals and tables
    :param day: the date, by default that of the run's logical date
    :param store_patience: seconds that a trouble of a store may last which may pass
    :param source_conn_id: connection that reads the source, and images in other buckets
    :param warehouse_conn_id: connection that reads and writes the warehouse
    :param tencent_iai_conn_id: connection of the vendor's account
    """

    template_fields: Sequence[str] = ("source", "warehouse", "day", "store_patience")
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
        tencent_iai_conn_id: str = ACCOUNT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.warehouse = warehouse
        self.day = day
        self.store_patience = store_patience
        self.source_conn_id = source_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self.tencent_iai_conn_id = tencent_iai_conn_id

    def run_of(self, context: "Context") -> "Run":
        """Return the stores, the date and the name of the run."""
        from maskmatch.hooks.connected_run import connected_run

        return connected_run(
            self.source,
            self.warehouse,
            self.day,
            run_id=context["run_id"],
            source_conn_id=self.source_conn_id,
            warehouse_conn_id=self.warehouse_conn_id,
            store_patience=self.setting("store_patience"),
        )

    @property
    def place(self) -> str:
        """Return which piece of work this is, for messages."""
        return f"task {self.task_id}, date {self.day}"

    def show_links(self, context: "Context") -> None:
        """Let the buttons of the task lead somewhere from now on; Airflow itself does so at its end."""
        task: Any = context["ti"]  # it has all that a key has
        with suppress(Exception):  # nothing depends on them
            for link in self.operator_extra_links:
                task.xcom_push(key=link.xcom_key, value=link.get_link(self, ti_key=task))

    def note(self, context: "Context", reason: str, cure: str) -> None:
        """Keep what keeps the task from going on for the page, on which nothing depends."""
        with suppress(Exception):
            noted: dict[str, Any] = {"place": self.place, "reason": reason, "cure": cure}
            context["task_state_store"].set(PROBLEM_KEY, noted)

    def run_record(self, run: "Run", plan: "Plan | None" = None) -> dict[str, Any]:
        """Return what the page of the run wants to know of it: what for, with which account, how much."""
        from maskmatch.storage.tables import outcomes_address

        return {
            "day": self.day,
            "account": self.tencent_iai_conn_id,
            "warehouse": run.warehouse.uri,
            "table": outcomes_address(run.warehouse, run.day),
            **(plan.facts() if plan else {}),
        }

    def setting(self, name: str) -> Any:
        """Return what an argument is set to; raise WrongSetting."""
        from maskmatch.settings.run_fields import RUN_FIELDS

        return RUN_FIELDS[name].value_of(self.entered(name))

    def entered(self, name: str) -> "Entered":
        """Return an argument as it was entered, and where: an argument of a task, or a Param."""
        from maskmatch.settings.fields import Entered

        return Entered(getattr(self, name), f"task {self.task_id}, {name}")
