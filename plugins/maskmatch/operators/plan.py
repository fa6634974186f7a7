"""The first task of a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maskmatch.operators.base import ACCOUNT_CONN_ID, MaskmatchBaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanComparisonOperator(MaskmatchBaseOperator):
    """Read the manifests of the date, prove that the account works, and write a plan.

    Returns the keys of the shards; XCom `plan` holds the plan's folder.

    :param quality_control: 0 (off) to 4 (strict), for rows without a value of their own
    :param max_shards: compare tasks at most, 1 to 32
    :param recompare: true to call every pair again and pay again
    """

    template_fields: Sequence[str] = (
        *MaskmatchBaseOperator.template_fields, "quality_control", "max_shards", "recompare",
    )  # fmt: skip

    def __init__(
        self,
        *,
        quality_control: int | str = 0,
        max_shards: int | str = 4,
        recompare: bool | str = False,
        tencent_iai_conn_id: str = ACCOUNT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.quality_control = quality_control
        self.max_shards = max_shards
        self.recompare = recompare
        self.tencent_iai_conn_id = tencent_iai_conn_id

    def execute(self, context: "Context") -> list[str]:
        """Plan the run."""
        from maskmatch.core.planning import PlanOptions
        from maskmatch.hooks.connected_run import compare_options
        from maskmatch.pipeline.compare import check_account
        from maskmatch.pipeline.plan import make_plan
        from maskmatch.pipeline.settings import priority_of

        run = self.run_of(context)
        priority = priority_of(context["dag_run"].run_type)
        check_account(compare_options(self.tencent_iai_conn_id, self.storage_conn_id, priority=priority))
        again = str(self.recompare).lower() == "true"
        options = PlanOptions(
            quality_control=int(self.quality_control),
            max_shards=int(self.max_shards),
            repetition=run.run_id if again else "",
        )
        plan = make_plan(run, options)
        self.log.info("%s", plan)
        context["ti"].xcom_push(key="plan", value=plan.folder)
        return [shard.key for shard in plan.shards]
