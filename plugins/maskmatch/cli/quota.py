"""The command that looks at the permit store of an account, and sets floors."""

import argparse
import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import account_settings_of, add_permit_store, priority
from maskmatch.cli.orders import check_reaches, never_heard, ordered_by, place_of, reached

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.permits.coordinator import PermitCoordinator
    from maskmatch.permits.steps.claims import Priority
    from maskmatch.settings.account import AccountSettings

_WATCH_SECONDS = 1.0
_SHOWN_ORDERS, _MOST_ORDERS = 20, 1000


def add_quota(parser: argparse.ArgumentParser) -> None:
    """Add the options of `quota`."""
    add_permit_store(parser)
    add = parser.add_argument
    shows = parser.add_mutually_exclusive_group().add_argument
    shows("--watch", action="store_true", help="refresh every second, until Ctrl-C")
    shows(
        "--orders",
        type=_count,
        nargs="?",
        const=_SHOWN_ORDERS,
        metavar="N",
        help="show instead who gave which orders when, the newest N (default %(const)s)",
    )
    add("--json", action="store_true", help="one JSON object, for programs")
    add(
        "--floor",
        type=_floor,
        action="append",
        default=[],
        metavar="PRIORITY=SHARE",
        help="from now on, guarantee a priority this share of the rate whoever else asks, from 0 to 0.5, "
        "such as backfill=0.2; may be given several times",
    )
    add(
        "--spent",
        type=_spent,
        action="append",
        default=[],
        metavar="BUDGET=CALLS",
        help="after the permit store was lost or restored: count at least so many calls as spent, today "
        "(day=90000; they count in the month, too), in the month (month=2000000) or by a run "
        "(run:RUN_ID=5000); never counts down; may be given several times",
    )


def quota(args: argparse.Namespace) -> int:
    """Set floors and what was spent, then show the coordinator once, or live, or the orders."""
    from maskmatch.cli.terminal import show, watch

    settings = account_settings_of(args, needs_key=False)
    with closing(settings.open_coordinator()) as coordinator:
        lines = _count_spent(settings, coordinator, args.spent)
        lines += _set_floors(settings, coordinator, args.floor)
        if args.json:
            sys.stdout.write(json.dumps(_record(settings, coordinator, args.orders)) + "\n")
            return 0
        sys.stdout.writelines(f"{line}\n" for line in lines)
        if args.watch:
            watch(lambda: _look(settings, coordinator), seconds=_WATCH_SECONDS)
        else:
            show(_orders(coordinator, args.orders) if args.orders else _look(settings, coordinator))
    return 0


def _set_floors(
    settings: "AccountSettings", coordinator: "PermitCoordinator", floors: "list[tuple[Priority, float]]"
) -> list[str]:
    """Set floors; return whom that has reached, line by line."""
    if not floors:
        return []
    check_reaches(settings, coordinator.snapshot())
    for lower, share in floors:
        coordinator.set_floor(lower, share, by=ordered_by())
    return reached(settings, coordinator.snapshot(), stays=True)


def _count_spent(
    settings: "AccountSettings", coordinator: "PermitCoordinator", spent: list[tuple[str, str, int]]
) -> list[str]:
    """Count what was spent, also where nobody is known: a store that was lost knows nobody."""
    from maskmatch.permits.steps.claims import Claim, Priority

    if not spent:
        return []
    is_new = not coordinator.snapshot().is_known
    for kind, run_id, calls in spent:
        claim = Claim(run_id=run_id, priority=Priority.AD_HOC, budgets=settings.budgets)
        coordinator.count_spent(kind, calls, claim, by=ordered_by())
    lines = [
        f"{kind}{run_id and ' '}{run_id}: at least {calls:,} calls count" for kind, run_id, calls in spent
    ]
    return [*lines, *([never_heard(settings)] if is_new else [])]


def _record(
    settings: "AccountSettings", coordinator: "PermitCoordinator", orders: int | None
) -> dict[str, object]:
    from maskmatch.cli.render import orders_record, quota_record

    if orders:
        return orders_record(coordinator.orders(orders))
    where = {"permit_store": settings.permit_store_shown, "account": settings.account.name}
    return {**where, **quota_record(coordinator.snapshot())}


def _look(settings: "AccountSettings", coordinator: "PermitCoordinator") -> "RenderableType":
    from maskmatch.cli.render import quota_view

    now = coordinator.snapshot()
    where = place_of(settings) if now.is_known else never_heard(settings)
    return quota_view(now, where, at=datetime.now(UTC))


def _orders(coordinator: "PermitCoordinator", newest: int) -> "RenderableType":
    from maskmatch.cli.render import orders_view

    return orders_view(coordinator.orders(newest))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_ORDERS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST_ORDERS}")
    return int(text)


def _spent(text: str) -> tuple[str, str, int]:
    """Return kind, run id ('' of a day or month) and calls."""
    name, _, calls = text.rpartition("=")
    kind, _, run_id = name.partition(":")
    is_budget = (kind == "run" and run_id) or name in ("day", "month")
    if not (is_budget and calls.isascii() and calls.isdigit()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no spent budget: give one such as day=90000, month=2000000 or run:RUN_ID=5000"
        )
    return kind, run_id, int(calls)


def _floor(text: str) -> "tuple[Priority, float]":
    name, _, share = text.partition("=")
    try:
        return priority(name), float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a floor: give one such as backfill=0.2") from None
