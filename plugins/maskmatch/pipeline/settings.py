"""From what people enter to budgets and priorities."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from maskmatch.core.errors import InputError
from maskmatch.permits.steps.claims import Budget, Budgets, Priority

ACCOUNT_FIELDS = (
    "budget_calls_per_day",
    "budget_cny_per_day",
    "budget_calls_per_month",
    "budget_cny_per_month",
    "time_zone",
)
"""Fields of a connection, and variables MASKMATCH_<NAME> of the command line."""

_PRIORITIES = {"scheduled": Priority.NIGHTLY, "backfill": Priority.BACKFILL}


def priority_of(run_type: str) -> Priority:
    """Return the priority of an Airflow run; what a person or an asset has started is ad hoc."""
    return _PRIORITIES.get(run_type, Priority.AD_HOC)


def account_budgets(fields: Mapping[str, object]) -> Budgets:
    """Return an account's budgets from ACCOUNT_FIELDS; raise InputError naming the field that is wrong."""
    budgets = Budgets(
        day=_budget(fields, "budget_calls_per_day", "budget_cny_per_day"),
        month=_budget(fields, "budget_calls_per_month", "budget_cny_per_month"),
    )
    return replace(budgets, time_zone=_time_zone(fields["time_zone"])) if fields.get("time_zone") else budgets


def run_budget(*, calls: object = None, cny: object = None) -> Budget:
    """Return the budget of one run; empty values are no limit."""
    return _budget({"budget_calls": calls, "budget_cny": cny}, "budget_calls", "budget_cny")


def _budget(fields: Mapping[str, object], calls: str, cny: str) -> Budget:
    whole = _amount(fields, calls)
    if whole is not None and whole != int(whole):
        raise InputError(f"{calls} must be a whole number, not {fields[calls]!r}")
    return Budget(calls=None if whole is None else int(whole), cny=_amount(fields, cny))


def _amount(fields: Mapping[str, object], name: str) -> Decimal | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and amount > 0):
        raise InputError(f"{name} must be a number above 0, or empty for no limit, not {value!r}")
    return amount


def _time_zone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"time_zone must be a name such as Asia/Shanghai, not {value!r}") from None
