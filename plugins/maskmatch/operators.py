"""The tasks of a comparison run: plan, compare one shard, publish, summarise."""

import ctypes
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, ExceptionRetryPolicy, RetryAction, RetryRule

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.runs import Job

ACCOUNT_CONN_ID = "tencent_iai_default"
STORAGE_CONN_ID = "maskmatch_storage"

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                "maskmatch.core.errors.InputError",
                "maskmatch.core.errors.StopRun",
                "maskmatch.core.errors.BooksError",
                "airflow.sdk.exceptions.AirflowNotFoundException",
            ],
            action=RetryAction.FAIL,
            reason="a person must act; the message says how",
        ),
        RetryRule(
            exception="maskmatch.core.errors.Unavailable",
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=1),
            reason="service or store away; the next try goes on from the journal",
        ),
    ]
)
_PR_SET_PDEATHSIG = 1


class _RunOperator(BaseOperator):
    """One task of the run of one date.

    :param source: address of the folder with manifests/ds=<date>/ and the images
    :param warehouse: address of the folder for plans, journals and tables
    :param day: the date, by default that of the run's logical date
    """

    template_fields: Sequence[str] = ("source", "warehouse", "day")

    def __init__(
        self,
        *,
        source: str,
        warehouse: str,
        day: str = "{{ ds | default('') }}",
        storage_conn_id: str = STORAGE_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.warehouse = warehouse
        self.day = day
        self.storage_conn_id = storage_conn_id

    def job(self, context: "Context") -> "Job":
        """Return the stores, the date and the name of the run."""
        from maskmatch.hooks import connected_job

        return connected_job(
            self.source,
            self.warehouse,
            self.day,
            run_id=context["run_id"],
            conn_id=self.storage_conn_id,
        )


class PlanComparisonOperator(_RunOperator):
    """Read the manifests of the date, prove that the account works, and write a plan.

    Returns the keys of the shards; XCom `plan` holds the plan's folder.

    :param quality_control: 0 (off) to 4 (strict), for rows that do not say
    :param max_shards: compare tasks at most, 1 to 32
    :param recompare: true to call every pair again and pay again
    """

    template_fields: Sequence[str] = (
        *_RunOperator.template_fields, "quality_control", "max_shards", "recompare",
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
        from maskmatch import hooks, runs
        from maskmatch.core.planning import PlanOptions

        job = self.job(context)
        runs.check_account(hooks.compare_options(self.tencent_iai_conn_id, self.storage_conn_id))
        again = str(self.recompare).lower() == "true"
        options = PlanOptions(
            quality_control=int(self.quality_control),
            max_shards=int(self.max_shards),
            repetition=job.run_id if again else "",
        )
        plan = runs.make_plan(job, options)
        self.log.info("%s", plan)
        context["ti"].xcom_push(key="plan", value=plan.folder)
        return [shard.key for shard in plan.shards]


class CompareMaskFaceOperator(_RunOperator):
    """Compare the pairs of one shard, within the rate limit that all tasks of the account share.

    What was answered is in the shard's journal: a retry calls only for what is missing.

    :param plan: folder of the plan
    :param shard: key of the shard
    :param image_transfer: `bytes` to send images in the request, `url` to let the vendor fetch them
    :param calls_in_flight: threads, and so the most calls that a kill can waste; empty: what the rate needs
    """

    template_fields: Sequence[str] = (
        *_RunOperator.template_fields, "plan", "shard", "image_transfer", "calls_in_flight",
    )  # fmt: skip

    def __init__(
        self,
        *,
        plan: str,
        shard: str,
        image_transfer: str = "bytes",
        calls_in_flight: int | str = "",
        tencent_iai_conn_id: str = ACCOUNT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.shard = shard
        self.image_transfer = image_transfer
        self.calls_in_flight = calls_in_flight
        self.tencent_iai_conn_id = tencent_iai_conn_id

    def execute(self, context: "Context") -> dict[str, int]:
        """Compare the shard; return the counts of this try."""
        from maskmatch import hooks, runs

        _die_with_parent()
        self._stop = threading.Event()
        options = hooks.compare_options(
            self.tencent_iai_conn_id,
            self.storage_conn_id,
            image_transfer=self.image_transfer,
            calls_in_flight=int(self.calls_in_flight) if self.calls_in_flight else None,
            stop=self._stop,
        )
        job = self.job(context)
        plan = runs.find_plan(job, self.plan)
        progress = runs.compare_shard(job, plan, plan.shard(self.shard), options)
        return {**progress.counts, **{f"calls_{name}": n for name, n in progress.calls.items()}}

    def on_kill(self) -> None:
        """Take no further pair; those under way end and are journaled."""
        if hasattr(self, "_stop"):
            self._stop.set()


class PublishOutcomesOperator(_RunOperator):
    """Check the books and replace the outcomes of the date.

    :param plan: folder of the plan
    :param nominal_fmr: false match rate whose score is the threshold: 0.001, 0.0001 or 0.00001
    """

    template_fields: Sequence[str] = (*_RunOperator.template_fields, "plan", "nominal_fmr")

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


class SummariseOutcomesOperator(_RunOperator):
    """Write the counts by reason and the scores by kind of pair to the log."""

    def execute(self, context: "Context") -> str:
        """Summarise what was published; return where the table lies."""
        from maskmatch.publications import outcomes_address, summary

        job = self.job(context)
        self.log.info("%s\n%s", job.day, summary(job))
        return outcomes_address(job)


def _die_with_parent() -> None:
    """Ask the kernel to kill this task when its supervisor dies: Airflow would start another beside it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
