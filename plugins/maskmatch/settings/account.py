"""From what was entered to an account, its budgets and its permit store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from maskmatch.core.account_rules import DEFAULT_ENDPOINT
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.rate_by_hour import RateByHour
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import (
    open_coordinator,
    permit_store_address,
    permit_store_variable,
    shown,
    with_password,
)
from maskmatch.permits.steps.claims import Budget, Budgets
from maskmatch.settings.account_fields import ACCOUNT_FIELDS, PERMIT_STORE, VARIABLES, WAIVED
from maskmatch.settings.fields import Entered, read_fields
from maskmatch.settings.run_fields import RUN_FIELDS
from maskmatch.settings.sources import check_variables
from maskmatch.tencent.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """All that is set about an account; `place` names where, for messages.

    `permit_store` may hold a password: never show it.
    """

    account: Account
    permit_store: str = field(repr=False)
    budgets: Budgets
    approval_cost_limit: Decimal
    has_day_budget: bool
    place: str

    def limited(self, *, calls: Entered | None = None, cny: Entered | None = None) -> Budgets:
        """Return the budgets of a run that may ask for less than its account allows.

        Raise WrongSetting when it asks for more, and when nobody has set or waived a budget for the day.
        """
        if not self.has_day_budget:
            raise WrongSetting(
                f"{self.place}: set a budget for the day, so that no mistake can spend without a bound: "
                f"budget_calls_per_day or budget_cny_per_day; {WAIVED} for the first waives it (on the "
                "command line --budget-calls-per-day or MASKMATCH_BUDGET_CALLS_PER_DAY)"
            )
        most = self.budgets.run
        run = Budget(calls=_lower(most.calls, "budget_calls", calls), cny=_lower(most.cny, "budget_cny", cny))
        return replace(self.budgets, run=run)

    def approval_limit(self, asked: Entered | None) -> Decimal:
        """Return the cost (CNY) above which a run needs an approval, at most what its account says.

        Raise WrongSetting when a run asks for more.
        """
        value: Decimal | None = RUN_FIELDS["approval_cost_limit"].value_of(asked)
        if asked and value is not None and value > self.approval_cost_limit:
            raise WrongSetting(
                f"{asked.place}: {value:,} is more than approval_cost_limit of the account allows, "
                f"{self.approval_cost_limit:,}: raise that, at {self.place}, or leave this empty"
            )
        return self.approval_cost_limit if value is None else value

    @property
    def permit_store_shown(self) -> str:
        """Return its address without user, password and options."""
        return shown(urlsplit(self.permit_store))

    def open_coordinator(self) -> PermitCoordinator:
        """Return the coordinator of the account, without connecting."""
        return open_coordinator(
            self.permit_store,
            secret_id=self.account.owner,
            calls_per_second=self.account.calls_per_second,
            clock=SystemClock(),
            rate_by_hour=self.account.rate_by_hour,
        )

    def __str__(self) -> str:
        """Return what holds, in one line without secrets."""
        parts = [
            f"{self.account.protocol}://{self.account.endpoint}",
            f"account {self.account.name}",
            f"{self.account.calls_per_second:g} calls/s"
            + (f" ({self.account.rate_by_hour})" if self.account.rate_by_hour.rules else ""),
            f"permit store {self.permit_store_shown}",
            f"approval above CNY {self.approval_cost_limit:,}",
            *(f"{window}: {_in_words(getattr(self.budgets, window))}" for window in ("run", "day", "month")),
        ]
        return ", ".join(parts)


def read_account(entered: Mapping[str, Entered], *, place: str, needs_key: bool = True) -> AccountSettings:
    """Return an account from what was entered for ACCOUNT_FIELDS; raise WrongSetting.

    Who only asks the permit store needs no key: the account's id, or its SecretId, names it there.
    """
    check_variables(os.environ)
    values = read_fields(ACCOUNT_FIELDS, entered)
    is_named = values["secret_id"] or (values["account_id"] and not needs_key)
    if not is_named:
        raise WrongSetting(_missing("secret_id", entered, place))
    if needs_key and not values["secret_key"]:
        raise WrongSetting(_missing("secret_key", entered, place))
    return AccountSettings(
        account=_account(values, entered),
        permit_store=_permit_store(values, entered, place),
        budgets=_budgets(values),
        approval_cost_limit=values["approval_cost_limit"],
        has_day_budget=bool(values["budget_calls_per_day"] or values["budget_cny_per_day"]),
        place=place,
    )


def _missing(name: str, entered: Mapping[str, Entered], place: str) -> str:
    if name in entered:
        return f"{entered[name].place}: enter it, it is empty"
    return f"set {VARIABLES[name]} in {place}"


def _account(values: Mapping[str, Any], entered: Mapping[str, Entered]) -> Account:
    endpoint = values["endpoint"]
    typed = endpoint.protocol if endpoint else None
    protocol = values["protocol"] or typed or "https"
    if typed and typed != protocol:
        raise WrongSetting(
            f"{entered['endpoint'].place}: begins with {typed}, but the protocol is {protocol}"
        )
    return Account(
        secret_id=values["secret_id"] or "",
        secret_key=values["secret_key"] or "",
        session_token=values["session_token"],
        account_id=values["account_id"],
        answered_by=values["answered_by"] or "",
        endpoint=endpoint.host_port if endpoint else DEFAULT_ENDPOINT,
        protocol=protocol,
        region=values["region"],
        calls_per_second=values["calls_per_second"],
        rate_by_hour=RateByHour(values["rate_by_hour"], values["time_zone"]),
    )


def names_permit_store(entered: Mapping[str, Entered]) -> bool:
    """Return True if somebody names the permit store, False where the default file is used."""
    values = read_fields((PERMIT_STORE,), entered)
    return bool(values["permit_store"] or permit_store_variable())


def _permit_store(values: Mapping[str, Any], entered: Mapping[str, Entered], place: str) -> str:
    """Return its address; it is not opened, but could be."""
    given, password = values["permit_store"], values["permit_store_password"]
    try:
        address = permit_store_address(given)
        open_coordinator(address, secret_id="", calls_per_second=1.0, clock=SystemClock())
    except InputError as error:
        by_variable = "variable MASKMATCH_PERMIT_STORE" if permit_store_variable() else place
        where = entered["permit_store"].place if given else by_variable
        raise WrongSetting(f"{where}: {error}") from None
    try:
        return with_password(address, password) if password else address
    except InputError as error:
        raise WrongSetting(f"{entered['permit_store_password'].place}: {error}") from None


def _budgets(values: Mapping[str, Any]) -> Budgets:
    calls = {name: values[f"budget_calls_per_{name}"] for name in ("run", "day", "month")}
    limits = {
        name: Budget(
            calls=None if calls[name] == WAIVED else calls[name], cny=values[f"budget_cny_per_{name}"]
        )
        for name in calls
    }
    return Budgets(**limits, time_zone=values["time_zone"])


def _lower(most: Any, name: str, asked: Entered | None) -> Any:
    """Return what a run asks for, at most what its account allows; nothing asked for is all of it."""
    value = RUN_FIELDS[name].value_of(asked)
    if asked and value is not None and most is not None and value > most:
        raise WrongSetting(
            f"{asked.place}: {value:,} is more than {name}_per_run of the account allows, {most:,}"
        )
    return most if value is None else value


def _in_words(budget: Budget) -> str:
    parts = [f"{budget.calls:,} calls" if budget.calls else "", f"CNY {budget.cny:,}" if budget.cny else ""]
    return " and ".join(filter(None, parts)) or "no budget"
