"""The gate before paid calls: a plan that may cost more than the limit needs the approval of a person.

    plan ──> asks (page of Airflow, terminal, --approve) ──> approval-<digest>.json beside the plan
                                                                    │
    compare ──> check_approved ─────────────────────────────────────┘ before it takes a permit

Decision: docs/adr/0022-a-person-approves-a-plan.md
"""

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

from maskmatch.core.approval import Approval, is_above
from maskmatch.core.errors import ApprovalMissing
from maskmatch.core.forecast_words import money
from maskmatch.core.planning import Plan
from maskmatch.core.pricing import price_of
from maskmatch.core.records import known
from maskmatch.pipeline.plan_facts import calls_of
from maskmatch.pipeline.run import Run
from maskmatch.storage import approvals
from maskmatch.storage.approvals import read_approval, write_approval

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked: whether the plan with this digest, in this folder, may make so many calls."""

    day: str
    folder: str
    digest: str
    calls: int
    only_new: bool

    @property
    def cost_cny(self) -> Decimal:
        """Return what the calls cost at most."""
        return price_of(self.calls)

    def to_record(self) -> dict[str, Any]:
        """Return its fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read back what `to_record` wrote."""
        return cls(**known(cls, record))


def open_question(run: Run, plan: Plan, limit: Decimal) -> Question | None:
    """Return what must be asked before a plan may be compared.

    Nothing is, when the calls that are left cost no more than the limit (CNY), or when it was answered.
    """
    if not is_above(plan.pairs, limit) or not is_above(calls := calls_of(run, plan), limit):
        return None
    if approval := read_approval(run.patient_warehouse(), plan.folder, plan.digest):
        log.info("%s", approval)
        return None
    return Question(
        day=plan.day.isoformat(),
        folder=plan.folder,
        digest=plan.digest,
        calls=calls,
        only_new=plan.conditional_writes,
    )


def note_question(run: Run, question: Question) -> None:
    """Note that this run asks a question, which what it hands over to itself is compared with."""
    approvals.note_question(run.patient_warehouse(), question.folder, question.digest, run.run_id)


def check_asked(run: Run, question: Question) -> None:
    """Raise ApprovalMissing for an answer to a question that this run has never asked."""
    if not approvals.was_asked(run.patient_warehouse(), question.folder, question.digest, run.run_id):
        raise ApprovalMissing(
            f"this run has not asked about plan {question.digest}: what it handed over as XCom was changed, "
            "and nothing is approved; clear the approve task"
        )


def check_approved(run: Run, plan: Plan, limit: Decimal) -> None:
    """Raise ApprovalMissing while a plan costs more than the limit (CNY) and nobody has approved it."""
    if question := open_question(run, plan, limit):
        raise ApprovalMissing(
            f"plan {question.digest} makes {question.calls:,} calls for at most CNY "
            f"{money(question.cost_cny)}, more than approval_cost_limit {limit:,}, and nobody has approved "
            f"it: nothing is called. On the command line give --approve {question.digest}; or raise "
            "approval_cost_limit of the account. A task that is marked as success approves nothing"
        )


def approve(run: Run, question: Question, *, by: str, through: str, at: datetime | None = None) -> Approval:
    """Record that a person has approved a plan, and return that."""
    approval = Approval(
        digest=question.digest,
        by=by,
        through=through,
        at=at or datetime.now(UTC),
        calls=question.calls,
        cost_cny=question.cost_cny,
    )
    write_approval(run.patient_warehouse(), question.folder, approval, only_new=question.only_new)
    log.info("%s", approval)
    return approval
