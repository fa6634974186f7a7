"""What budgets still allow, by what the permit store has counted."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from maskmatch.core.pricing import PRICE_PER_CALL
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.permits.steps.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Spent:
    """What a window of a budget has spent."""

    calls: int = 0
    cny: Decimal = Decimal(0)


def spent(account: Snapshot, kind: str, now: datetime, run_id: str = "") -> Spent:
    """Return what was spent in this run, or in the day or month of a time."""
    for window in account.windows:
        is_now = window.name == run_id if kind == "run" else window.ends is not None and window.ends > now
        if window.kind == kind and is_now:
            return Spent(window.calls, window.cny)
    return Spent()


def calls_left(budget: Budget, so_far: Spent) -> int | None:
    """Return how many calls a budget still allows, at the price of the first tier; None without one."""
    calls = [] if budget.calls is None else [budget.calls - so_far.calls]
    if budget.cny is not None:
        calls.append(int((budget.cny - so_far.cny) / PRICE_PER_CALL))
    return max(0, min(calls)) if calls else None


def left_by_name(account: Snapshot, budgets: Budgets, now: datetime) -> dict[str, float]:
    """Return what the budgets of day and month still allow: `day_calls`, `day_cny` and so on, where set."""
    found: dict[str, float] = {}
    for kind, budget in (("day", budgets.day), ("month", budgets.month)):
        so_far = spent(account, kind, now)
        if budget.calls is not None:
            found[f"{kind}_calls"] = max(0, budget.calls - so_far.calls)
        if budget.cny is not None:
            found[f"{kind}_cny"] = float(max(Decimal(0), budget.cny - so_far.cny))
    return found
