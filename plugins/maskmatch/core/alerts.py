"""What a person is told of a run while nobody looks at it: kind, cause and text, without secrets.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """Why a person is told."""

    FAILED = "failed"
    BUDGET_SPENT = "budget_spent"
    LATE = "late"
    MODEL_CHANGED = "model_changed"
    WAITING = "waiting"
    APPROVAL = "approval"


_WORDS = {
    Kind.FAILED: "failed",
    Kind.BUDGET_SPENT: "a budget is spent",
    Kind.LATE: "will miss its deadline",
    Kind.MODEL_CHANGED: "the face model has changed",
    Kind.WAITING: "has been waiting",
    Kind.APPROVAL: "waits for approval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One piece of news; of the same kind and `cause` a run has only one."""

    kind: Kind
    cause: str
    text: str

    @property
    def key(self) -> str:
        """Return a name for kind and cause that holds neither addresses nor blanks."""
        return f"{self.kind}_{hashlib.sha256(self.cause.encode()).hexdigest()[:8]}"

    @property
    def words(self) -> str:
        """Return the kind as the predicate of a sentence."""
        return _WORDS[self.kind]


Tell: TypeAlias = Callable[[Alert], None]


def tell_nobody(_: Alert) -> None:
    """Tell nobody: where no notifier is set."""
