"""Approval of a plan by a person: above which cost it is asked for, and what is kept of the answer.

Decision: docs/adr/0022-a-person-approves-a-plan.md
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from maskmatch.core.pricing import price_of
from maskmatch.core.records import known

DEFAULT_COST_LIMIT = Decimal(1000)
"""CNY. A night of 100,000 pairs costs 320 and passes, however much of it is paid again; one of a million
costs 3,200, a mistake of ten million about 30,000: a person looks first, or has set a higher limit."""
LEAST_DIGEST = 8
"""Characters of a digest that a person must give at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who has approved which plan when, by what means, and the calls and the cost that were shown."""

    digest: str
    by: str
    through: str
    at: datetime
    calls: int
    cost_cny: Decimal

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"at": self.at.isoformat(), "cost_cny": str(self.cost_cny)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read back what `to_record` wrote."""
        at, cost = datetime.fromisoformat(record["at"]), Decimal(record["cost_cny"])
        return cls(**known(cls, record) | {"at": at, "cost_cny": cost})

    def __str__(self) -> str:
        at = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"plan {self.digest} was approved by {self.by} at {at} ({self.through})"


def is_above(calls: int, limit: Decimal) -> bool:
    """Return True if so many calls may cost more than a limit (CNY).

    At the highest price, so that a plan is on the same side of the limit whatever else the month brings.
    """
    return price_of(calls) > limit


def names(typed: str, digest: str) -> bool:
    """Return True if what a person has typed is a digest, or enough of its beginning."""
    typed = typed.strip().lower()
    return len(typed) >= min(LEAST_DIGEST, len(digest)) and digest.startswith(typed)
