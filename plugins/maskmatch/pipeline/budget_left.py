"""What budgets still allow, by what the permit store has counted."""

from dataclasses import replace
from datetime import datetime

from maskmatch.core.pricing import PRICE_PER_CALL
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.permits.steps.snapshot import Snapshot, WindowNow


def within(budget: Budget, window: WindowNow) -> WindowNow:
    """Return what was spent, beside the limits of a budget."""
    return replace(window, most_calls=budget.calls, most_cny=budget.cny)


def calls_left(window: WindowNow) -> int | None:
    """Return how many calls a budget still allows, at the price of the first tier; None without one."""
    calls = [] if window.left_calls is None else [window.left_calls]
    if window.left_cny is not None:
        calls.append(int(window.left_cny / PRICE_PER_CALL))
    return min(calls) if calls else None


def left_by_name(account: Snapshot, budgets: Budgets, now: datetime) -> dict[str, float]:
    """Return what the budgets of day and month still allow: `day_calls`, `day_cny` and so on, where set."""
    found: dict[str, float] = {}
    for kind, budget in (("day", budgets.day), ("month", budgets.month)):
        window = within(budget, account.current(kind, now))
        left = {f"{kind}_calls": window.left_calls, f"{kind}_cny": window.left_cny}
        found |= {name: float(each) for name, each in left.items() if each is not None}
    return found
