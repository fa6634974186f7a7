"""What the permit store knows of an account, and the orders that it takes; no key that can pay is needed.

MASKMATCH_PAGE_CONNECTIONS    ids of the connections whose accounts are shown, parted by commas
"""

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from airflow.sdk.exceptions import AirflowNotFoundException
from cachetools import TTLCache, cached

from maskmatch.core.errors import InputError, MaskmatchError
from maskmatch.hooks.outside_tasks import find_connection
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.operators.base import ACCOUNT_CONN_ID
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import Priority
from maskmatch.permits.steps.orders import Order, order_in_force
from maskmatch.permits.steps.snapshot import Snapshot, WindowNow
from maskmatch.permits.steps.state import ALL_RUNS
from maskmatch.pipeline.budget_left import within
from maskmatch.settings.account import AccountSettings

CONNECTIONS_VARIABLE = "MASKMATCH_PAGE_CONNECTIONS"
_ORDERS = 100
_SAME_SECONDS = 1.0
"""Pages that many people watch ask the permit store no more often than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNow:
    """An account at one moment: who uses it and which orders stand, or the `problem` that hides it.

    `orders` are the newest first. `has_key` says that this server could read a key that pays.
    """

    conn_id: str
    place: str = ""
    now: Snapshot | None = None
    orders: tuple[Order, ...] = ()
    budgets: tuple[WindowNow, ...] = ()
    has_key: bool = False
    problem: str = ""

    def order_for(self, what: str, run_id: str) -> Order | None:
        """Return the order to pause or drain that holds for a run now, None for none."""
        if self.now is None:
            return None
        standing = self.now.paused if what == "pause" else self.now.drained
        if run_id not in standing and ALL_RUNS not in standing:
            return None
        unknown = Order(at=datetime.now(UTC), by="unknown", what=what, whom=run_id)
        return order_in_force(self.orders, what, run_id) or unknown


def shown_connections() -> list[str]:
    """Return the ids of the connections whose accounts are shown."""
    named = os.environ.get(CONNECTIONS_VARIABLE, "").split(",")
    return [each.strip() for each in named if each.strip()] or [ACCOUNT_CONN_ID]


@cached(TTLCache(maxsize=64, ttl=_SAME_SECONDS), lock=Lock())
def look(conn_id: str) -> AccountNow:
    """Return an account as it is now, or why it cannot be seen."""
    try:
        settings = _settings(conn_id)
        with closing(settings.open_coordinator()) as coordinator:
            now, orders = coordinator.snapshot(), coordinator.orders(_ORDERS)
    except (MaskmatchError, AirflowNotFoundException) as error:
        return AccountNow(conn_id=conn_id, problem=str(error))
    return AccountNow(
        conn_id=conn_id,
        place=f"permit store {settings.permit_store_shown}, account {settings.account.name}",
        now=now,
        orders=tuple(orders),
        budgets=tuple(_budgets(settings, now, datetime.now(UTC))),
        has_key=bool(settings.account.secret_key),
    )


def give(
    conn_id: str, order: Callable[[PermitCoordinator], None], *, run: str | None = None, is_ours: bool = False
) -> None:
    """Give an order; raise MaskmatchError, such as InputError for one that reaches nobody.

    A run that `is_ours` for sure is reached though it has asked for no permit yet.
    """
    if conn_id not in shown_connections():
        raise InputError(f"{conn_id} is not among the connections of this page, {CONNECTIONS_VARIABLE}")
    with closing(_settings(conn_id).open_coordinator()) as coordinator:
        now = coordinator.snapshot()
        if not (now.is_known or is_ours):
            raise InputError("nobody is reached: no run has ever used this account at its permit store")
        if run is not None and run not in now.runs and not is_ours:
            raise InputError(f"no run is reached: the permit store does not know {run}")
        order(coordinator)
    with look.cache_lock or Lock():
        look.cache.clear()


def _settings(conn_id: str) -> AccountSettings:
    return TencentIaiHook(conn_id).get_settings(needs_key=False, find=find_connection)


def _budgets(settings: AccountSettings, now: Snapshot, at: datetime) -> Iterable[WindowNow]:
    """Yield the day and the month of a time with what the connection allows, then runs with limits."""
    for kind, most in (("day", settings.budgets.day), ("month", settings.budgets.month)):
        yield within(most, now.current(kind, at))
    there = {user.run_id for user in now.users}
    for each in now.windows:
        if each.kind == "run" and each.name in there and (each.most_calls or each.most_cny):
            yield each


def lower_priorities() -> list[Priority]:
    """Return the priorities that may have a floor."""
    return [each for each in Priority if each is not Priority.NIGHTLY]
