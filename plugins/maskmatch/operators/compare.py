"""The task that pays: one shard of a run."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from maskmatch.operators.base import AccountOperator, plan_in
from maskmatch.operators.known_errors import tells_known_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from maskmatch.engine.progress import Progress
    from maskmatch.pipeline.compare_options import CompareOptions

PROGRESS_KEY = "progress"
LABELS_KEY = "labels"
SHARD_LABEL = f"{{{{ ti.xcom_pull(task_ids='plan', key='{LABELS_KEY}')[ti.map_index] }}}}"
"""Template of what the grid calls a mapped task: date, shard and pairs, as the task `plan` has said."""


class CompareMaskFaceOperator(AccountOperator):
    """Compare the pairs of one shard, within the rate limit and budgets that all tasks of the account share.

    What was answered is in the shard's journal: a retry calls only for what is missing. When the account's
    budget for the day or month is spent, the task is scheduled again for the next one and holds no slot.
    So it is, for some seconds, while another run compares the same date; key `waiting` says which.
    Progress goes to the task state store and, at the end, to XCom, under the key `progress`.

    :param plan: folder of the plan
    :param shard: key of the shard
    :param image_transfer: `bytes` to send images in the request, `url` to let the vendor fetch them
    :param calls_in_flight: calls in flight at most, which a kill may waste; None: what the rate needs
    :param call_timeout: time limit of a call in seconds, more than 5 and at most 60
    :param on_model_change: `stop` or `go_on` when another version of the face model answers than before
    :param budget_calls: calls that the run may make at most; None: no limit
    :param budget_cny: money that the run may spend at most; None: no limit
    :param approval_cost_limit: cost of the plan in CNY above which it must have been approved; None: that of
        the account
    """

    template_fields: Sequence[str] = (
        *AccountOperator.template_fields,
        "plan",
        "shard",
        "image_transfer",
        "calls_in_flight",
        "call_timeout",
        "on_model_change",
        "budget_calls",
        "budget_cny",
        "approval_cost_limit",
    )

    def __init__(  # noqa: PLR0913  # each is a setting
        self,
        *,
        plan: "str | XComArg",
        shard: "str | XComArg",
        image_transfer: str = "bytes",
        calls_in_flight: int | str | None = None,
        call_timeout: float | str = 10.0,
        on_model_change: str = "stop",
        budget_calls: int | str | None = None,
        budget_cny: float | str | None = None,
        approval_cost_limit: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.shard = shard
        self.image_transfer = image_transfer
        self.calls_in_flight = calls_in_flight
        self.call_timeout = call_timeout
        self.on_model_change = on_model_change
        self.budget_calls = budget_calls
        self.budget_cny = budget_cny
        self.approval_cost_limit = approval_cost_limit

    @property
    def place(self) -> str:
        """Return date, shard, and the connection with whose account it is compared."""
        return f"{super().place}, shard {self.shard}, connection {self.tencent_iai_conn_id}"

    @tells_known_errors
    def execute(self, context: "Context") -> dict[str, int]:
        """Compare the shard; return the counts of this try."""
        from maskmatch.core.errors import BudgetSpent, LeaseHeld, Replaced
        from maskmatch.hooks.meter import Meter
        from maskmatch.operators.waiting import after_the_other_run, take_waiting
        from maskmatch.pipeline.task_process import ParentWatchdog, Reporter, die_with_parent

        self._stop = threading.Event()
        self._watchdog = ParentWatchdog(self._stop)
        die_with_parent()
        since = take_waiting(context)
        self._meter = Meter(self.tencent_iai_conn_id, self.hook.get_settings)
        show = partial(context["task_state_store"].set, PROGRESS_KEY)
        with self._watchdog, Reporter(self._meter.along(show)) as reporter:
            try:
                progress = self._compare(context, lambda facts: reporter.report({**facts, **self._work}))
            except BudgetSpent as spent:
                if spent.until is None:
                    spent.cure = self._larger_budget(context)
                    raise
                raise self.next_window(context, spent, spent.until) from spent
            except (LeaseHeld, Replaced) as other:
                cure = "Nothing: it goes on by itself when that run has ended."
                self.note(context, str(other), cure, is_wait=True)
                raise after_the_other_run(other, context, since) from other
            facts = {**progress.facts(), **self._work}
            reporter.report(facts)
        context["ti"].xcom_push(key=PROGRESS_KEY, value=facts)
        return {**progress.counts, **{f"calls_{name}": n for name, n in progress.calls.items()}}

    def on_kill(self) -> None:
        """Take no further pair; calls in flight end and are journaled, in less than 5 s."""
        if hasattr(self, "_watchdog"):
            self._watchdog.request_stop()

    @property
    def _work(self) -> dict[str, str]:
        return {"day": self.day, "shard": str(self.shard)}

    def _larger_budget(self, context: "Context") -> str:
        from maskmatch.operators.other_params import cure_of_spent_run

        most = self.hook.get_settings().budgets.run
        return cure_of_spent_run(context, day=self.day, account=self.tencent_iai_conn_id, most=most)

    def _compare(self, context: "Context", report: Callable[[dict[str, Any]], None]) -> "Progress":
        from maskmatch.pipeline.compare import compare_shard

        run = self.run_of(context)
        plan = plan_in(run, self.plan)
        options = self._options(context["dag_run"].run_type, report)
        return compare_shard(run, plan, plan.shard(str(self.shard)), options)

    def _options(self, run_type: str, report: Callable[[dict[str, Any]], None]) -> "CompareOptions":
        from maskmatch.engine.model_versions import OnModelChange
        from maskmatch.hooks.connected_run import compare_options
        from maskmatch.hooks.run_types import priority_of

        return compare_options(
            self.hook,
            self.source_conn_id,
            image_transfer=self.setting("image_transfer"),
            calls_in_flight=self.setting("calls_in_flight"),
            call_timeout=self.setting("call_timeout"),
            on_model_change=OnModelChange(self.setting("on_model_change")),
            budget_calls=self.entered("budget_calls"),
            budget_cny=self.entered("budget_cny"),
            approval_cost_limit=self.entered("approval_cost_limit"),
            priority=priority_of(run_type),
            report=report,
            measured=self._meter.measured,
            tell=self.alerts.tell,
            waits=self.alerts.waits,
            stop=self._stop,
        )
