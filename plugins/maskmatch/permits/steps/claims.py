"""What a caller says when it asks for permits, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

CHECK_RUN = "check"
"""The run id of the call that proves, before a run, that the account may use the service."""


class Priority(StrEnum):
    """Who goes first when the rate is not enough for all; in this order."""

    NIGHTLY = "nightly"
    AD_HOC = "ad_hoc"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many calls, and how much money (CNY), may be spent; None: no limit."""

    calls: int | None = None
    cny: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The limits of a run, and of the account for a day and a month of its time zone."""

    run: Budget = Budget()
    day: Budget = Budget()
    month: Budget = Budget()
    time_zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """On whose behalf permits are asked for; `leases` holds the epoch of the lease of each shard at work.

    `holder` is the name of the run in those leases, which no other run has.
    """

    run_id: str
    priority: Priority
    budgets: Budgets = Budgets()
    leases: Mapping[str, int] = field(default_factory=dict)
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """In how many seconds each of some calls may be sent, or else when to ask again.

    `processes` is how many share the rate now, the one that asked among them.
    """

    delays: tuple[float, ...] = ()
    retry_after: float | None = None
    paused: bool = False
    processes: int = 1
