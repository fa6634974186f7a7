"""The task that asks a person, when a plan costs more than the limit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from maskmatch.core.alerts import Alert, Kind
from maskmatch.operators.base import AccountOperator, plan_in
from maskmatch.operators.known_errors import tells_known_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from maskmatch.pipeline.approval import Question
    from maskmatch.pipeline.run import Run

ASKED_KEY = "asked"


class ApprovePlanOperator(AccountOperator, ApprovalOperator):
    """Wait, without a slot, until a person has approved or rejected a plan that costs more than the limit.

    Below the limit, and when the plan was approved before, nobody is asked and the task is skipped. An
    approval is recorded beside the plan, where compare looks for it; a task that is marked as success records
    none. After a rejection all later tasks are skipped.

    :param plan: folder of the plan
    :param approval_cost_limit: cost in CNY above which a person is asked; None: that of the account
    """

    template_fields: Sequence[str] = (
        *AccountOperator.template_fields,
        "plan",
        "approval_cost_limit",
    )

    def __init__(
        self,
        *,
        plan: "str | XComArg",
        approval_cost_limit: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(subject="", ignore_downstream_trigger_rules=True, **kwargs)
        self.plan = plan
        self.approval_cost_limit = approval_cost_limit

    @tells_known_errors
    def execute(self, context: "Context") -> Any:
        """Ask, if need be."""
        from maskmatch.pipeline.approval import note_question
        from maskmatch.pipeline.forecast import read_forecast
        from maskmatch.pipeline.plan_page import approval_request

        run = self.run_of(context)
        question = self._question(run)
        if question is None:
            raise AirflowSkipException("nobody needs to be asked")
        page = f"{run.warehouse.uri}/{question.folder}/plan.html"
        self.subject, self.body = approval_request(question, read_forecast(run, question.folder), page)
        # The answer is to this plan, though another may have been made when it comes.
        note_question(run, question)
        context["ti"].xcom_push(key=ASKED_KEY, value=question.to_record())
        self.log.warning("waiting for a person to approve plan %s, in the page of this run", question.digest)
        text = f"{self.subject} Answer in Required Actions of the run, nothing is called before. Plan: {page}"
        self.alerts.tell_now(Alert(kind=Kind.APPROVAL, cause=question.digest, text=text))
        return super().execute(context)

    @tells_known_errors
    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Any:
        """Record an approval, or skip what follows; the log says who has answered."""
        from maskmatch.pipeline.approval import Question

        if "error" not in event:
            asked = context["ti"].xcom_pull(task_ids=self.task_id, key=ASKED_KEY)
            self._take_answer(self.run_of(context), Question.from_record(asked), event)
        return super().execute_complete(context, event)

    def _question(self, run: "Run") -> "Question | None":
        from maskmatch.pipeline.approval import open_question

        limit = self.hook.get_settings().approval_limit(self.entered("approval_cost_limit"))
        return open_question(run, plan_in(run, self.plan), limit)

    def _take_answer(self, run: "Run", question: "Question", event: dict[str, Any]) -> None:
        from maskmatch.core.errors import ApprovalMissing
        from maskmatch.pipeline.approval import approve, check_asked

        check_asked(run, question)
        user, at = event["responded_by_user"], event["responded_at"]
        if event["chosen_options"] != [self.APPROVE]:
            self.log.warning(
                "plan %s was rejected by %s at %s: nothing is called, the table stays as it is",
                question.digest,
                user["name"] if user else "nobody",
                at,
            )
            return
        if not user:
            raise ApprovalMissing(f"plan {question.digest} has an answer that nobody gave: clear this task")
        approve(run, question, by=user["name"], through=f"run {run.run_id}", at=at)
