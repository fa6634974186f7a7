"""Accounts as text: a TOML file with a table `[[account]]` for each."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from comparemaskface.accounts.account import (
    Account,
    Accounts,
    Counting,
    Key,
    KeyState,
    Network,
    Permission,
    Scope,
    Standing,
)

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_WORDS = {
    str: "a text in quotes, and not empty",
    int: "a whole number from {}",
    list: "a list",
    dict: "a table",
    datetime: "a date with a time",
}


def read_accounts(
    path: Path, *, calls_per_second: int, counting: Counting, burst: int
) -> tuple[Account, ...]:
    """Read a file of accounts; the arguments are the defaults of what an account leaves out.

    Raises ValueError with the file, the account and what is wrong, never with a key.
    """
    with path.open("rb") as file:
        try:
            content = tomllib.load(file)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    tables = content.pop("account", None)
    if content or not isinstance(tables, list) or not tables:
        raise ValueError(f"{path}: expected one table [[account]] or several, and nothing else")
    defaults = _Defaults(calls_per_second=calls_per_second, counting=counting, burst=burst)
    accounts = tuple(
        _account(_Table(table, f"{path}: account {i}"), defaults) for i, table in enumerate(tables, 1)
    )
    Accounts(accounts)  # raises for two of one name, or with one SecretId
    return accounts


@dataclass(frozen=True)
class _Defaults:
    calls_per_second: int
    counting: Counting
    burst: int


class _Table:
    """A table whose entries are taken one by one, so that what is left over is known."""

    def __init__(self, content: object, place: str) -> None:
        if not isinstance(content, dict):
            raise ValueError(f"{place} is not a table")  # noqa: TRY004 - what the file holds, not what a caller passed
        self._content = dict(content)
        self.place = place

    def take(
        self, name: str, kind: type, default: Any = None, *, required: bool = False, least: int = 0
    ) -> Any:
        if name not in self._content:
            if required:
                raise ValueError(f"{self.place}: `{name}` is missing")
            return default
        value = self._content.pop(name)
        is_right = isinstance(value, kind) and not isinstance(value, bool) and value != ""
        if not is_right or (isinstance(value, int) and value < least):
            raise ValueError(f"{self.place}: `{name}` must be {_WORDS[kind].format(least)}")
        return value

    def choose(self, name: str, choices: Mapping[str, Any], default: str) -> Any:
        text = self.take(name, str, default)
        if text not in choices:
            raise ValueError(f"{self.place}: `{name}` must be one of {', '.join(choices)}")
        return choices[text]

    def each(self, name: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
        return tuple(read(value) for value in self.take(name, list, []))

    def end(self) -> None:
        if self._content:
            raise ValueError(f"{self.place}: unknown {', '.join(sorted(self._content))}")


def _account(table: _Table, defaults: _Defaults) -> Account:
    name = table.take("name", str, required=True)
    table.place = f"{table.place} ({name})"
    keys = table.take("key", list, required=True)
    if not keys:
        raise ValueError(f"{table.place}: `key` must hold one key or several")
    account = Account(
        name=name,
        keys=tuple(_key(_Table(key, f"{table.place}, key {i}")) for i, key in enumerate(keys, start=1)),
        uin=table.take("uin", str, Account.uin),
        permission=table.choose("permission", {each.value: each for each in Permission}, "allowed"),
        limits=_limits(table, defaults),
        counting=table.choose("counting", {each.value: each for each in Counting}, defaults.counting),
        burst=table.take("burst", int, defaults.burst, least=1),
        standing=table.choose("standing", {each.name.lower(): each for each in Standing}, "active"),
        balance_calls=table.take("balance_calls", int),
        balance_cny=_money(table),
        free_calls_per_month=table.take("free_calls_per_month", int, 0),
        allowed_addresses=table.each("allowed_addresses", _network(table)),
        blocked_addresses=table.each("blocked_addresses", _network(table)),
    )
    table.end()
    return account


def _key(table: _Table) -> Key:
    expires_at = table.take("expires_at", datetime)
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError(f"{table.place}: `expires_at` must end in an offset from UTC, such as Z")
    key = Key(
        secret_id=table.take("secret_id", str, required=True),
        secret_key=table.take("secret_key", str, required=True),
        token=table.take("token", str),
        expires_at=expires_at.timestamp() if expires_at else None,
        state=table.choose("state", {each.value: each for each in KeyState}, "active"),
    )
    table.end()
    return key


def _limits(table: _Table, defaults: _Defaults) -> tuple[tuple[Scope, int], ...]:
    calls_per_second = table.take("calls_per_second", int, defaults.calls_per_second)
    others = _Table(table.take("limits", dict, {}), f"{table.place}, limits")
    given = ((scope, others.take(scope.value, int)) for scope in Scope if scope is not Scope.API)
    limits = ((Scope.API, calls_per_second), *((scope, limit) for scope, limit in given if limit is not None))
    others.end()
    return limits


def _money(table: _Table) -> Decimal | None:
    text = table.take("balance_cny", str)
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f'{table.place}: `balance_cny` must be an amount in quotes, such as "3.20"')
    return Decimal(text)


def _network(table: _Table) -> Callable[[Any], Network]:
    def read(value: Any) -> Network:
        try:
            return ip_network(value if isinstance(value, str) else "")
        except ValueError:
            raise ValueError(f"{table.place}: an address must look like 10.0.0.0/8") from None

    return read
