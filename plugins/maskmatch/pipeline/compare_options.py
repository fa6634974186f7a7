"""How shards are compared: with which account, from where to where, within which limits."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from maskmatch.core.account_rules import ANSWER_SECONDS, MOST_CALL_SECONDS, VENDOR_SECONDS
from maskmatch.core.alerts import Tell, tell_nobody
from maskmatch.core.approval import DEFAULT_COST_LIMIT
from maskmatch.core.clock import Clock, SystemClock
from maskmatch.core.errors import InputError
from maskmatch.core.reach import Reach
from maskmatch.core.waits import Waits
from maskmatch.engine.measures import Measured
from maskmatch.engine.memory import MemoryLimits
from maskmatch.engine.model_versions import OnModelChange
from maskmatch.engine.work import RetryLimits
from maskmatch.permits.steps.claims import Budgets, Priority
from maskmatch.storage.images import Transfer
from maskmatch.storage.object_stores import Store, open_store
from maskmatch.tencent import Account


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How shards are compared; `calls_in_flight` None leaves it to the rate and the service.

    `call_timeout` is the time limit of a call in seconds. A plan that may cost more than
    `approval_cost_limit` (CNY) is compared only when a person has approved it. `renew` returns the account
    anew when its credential has expired; `report` gets the progress of all shards every five seconds, from
    the loop, so it must return at once, as `measured` must, which gets how calls went, and `tell`, which
    tells a person. `waits` learn what is waited for.
    """

    account: Account
    permit_store: str = field(repr=False)
    budgets: Budgets = field(default_factory=Budgets)
    approval_cost_limit: Decimal = DEFAULT_COST_LIMIT
    priority: Priority = Priority.AD_HOC
    transfer: Transfer = Transfer.BYTES
    calls_in_flight: int | None = None
    call_timeout: float = ANSWER_SECONDS
    limits: RetryLimits = field(default_factory=RetryLimits)
    on_model_change: OnModelChange = OnModelChange.STOP
    open_store: Callable[[str], Store] = open_store
    reach: Reach = field(default_factory=Reach)
    renew: Callable[[], Account] | None = None
    report: Callable[[dict[str, Any]], None] = _ignore
    measured: Callable[[Measured], None] = _ignore
    tell: Tell = tell_nobody
    waits: Waits | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Raise InputError for an invalid number of calls or time limit."""
        if self.calls_in_flight is not None and self.calls_in_flight < 1:
            raise InputError(f"calls_in_flight must be 1 or more, not {self.calls_in_flight}")
        if not VENDOR_SECONDS < self.call_timeout <= MOST_CALL_SECONDS:
            raise InputError(
                f"call_timeout must be more than {VENDOR_SECONDS:.0f} s, which the vendor itself may take, "
                f"and at most {MOST_CALL_SECONDS:.0f} s, not {self.call_timeout}"
            )

    @property
    def most_calls_in_flight(self) -> int:
        """Return how many calls may be in flight at most."""
        return self.calls_in_flight or MemoryLimits().most
