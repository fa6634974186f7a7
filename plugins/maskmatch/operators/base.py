"""What all tasks of a run share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.pipeline.run import Run
    from maskmatch.settings.fields import Entered

ACCOUNT_CONN_ID = "tencent_iai_default"
STORAGE_CONN_ID = "maskmatch_storage"


class MaskmatchBaseOperator(BaseOperator):
    """One task of the run of one date.

    :param source: address of the folder with manifests/ds=<date>/ and the images
    :param warehouse: address of the folder for plans, journals and tables
    :param day: the date, by default that of the run's logical date
    :param store_patience: seconds that a trouble of a store may last which may pass
    :param source_conn_id: connection that reads the source, and images in other buckets
    :param warehouse_conn_id: connection that reads and writes the warehouse
    """

    template_fields: Sequence[str] = ("source", "warehouse", "day", "store_patience")

    def __init__(
        self,
        *,
        source: str,
        warehouse: str,
        day: str = "{{ ds | default('') }}",
        store_patience: float | str = 300,
        source_conn_id: str = STORAGE_CONN_ID,
        warehouse_conn_id: str = STORAGE_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.warehouse = warehouse
        self.day = day
        self.store_patience = store_patience
        self.source_conn_id = source_conn_id
        self.warehouse_conn_id = warehouse_conn_id

    def run_of(self, context: "Context") -> "Run":
        """Return the stores, the date and the name of the run."""
        from maskmatch.hooks.connected_run import connected_run

        return connected_run(
            self.source,
            self.warehouse,
            self.day,
            run_id=context["run_id"],
            dag_id=self.dag_id,
            source_conn_id=self.source_conn_id,
            warehouse_conn_id=self.warehouse_conn_id,
            store_patience=self.setting("store_patience"),
        )

    def setting(self, name: str) -> Any:
        """Return what an argument is set to; raise WrongSetting."""
        from maskmatch.settings.run_fields import RUN_FIELDS

        return RUN_FIELDS[name].value_of(self.entered(name))

    def entered(self, name: str) -> "Entered":
        """Return an argument as it was entered, and where: an argument of a task, or a Param."""
        from maskmatch.settings.fields import Entered

        return Entered(getattr(self, name), f"task {self.task_id}, {name}")
