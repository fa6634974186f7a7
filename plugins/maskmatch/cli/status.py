"""The command that shows how far a date is, also while a run goes on elsewhere."""

import argparse
import os
from contextlib import ExitStack, closing
from decimal import Decimal
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import add_permit_store, coordinator_of
from maskmatch.cli.options import add_warehouse, run_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.permits.coordinator import PermitCoordinator
    from maskmatch.pipeline.status import RunStatus, StatusReader

_WATCH_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the journals lie, and the permit store, which knows the rate."""
    add_warehouse(parser)
    add_permit_store(parser)
    parser.add_argument("--watch", action="store_true", help="refresh every 2 s, until Ctrl-C")


def status(args: argparse.Namespace) -> int:
    """Show it once, or again and again until Ctrl-C."""
    from maskmatch.cli.terminal import show, watch
    from maskmatch.pipeline.status import StatusReader

    reader = StatusReader(run_of(args, source="warehouse"))
    with ExitStack() as open_things:
        coordinator = None
        if os.environ.get("TENCENTCLOUD_SECRET_ID") or args.connection:  # else rate and spend stay out
            coordinator = open_things.enter_context(closing(coordinator_of(args)))
        if args.watch:
            watch(lambda: _look(reader, coordinator), seconds=_WATCH_SECONDS)
        else:
            show(_look(reader, coordinator))
    return 0


def _look(reader: "StatusReader", coordinator: "PermitCoordinator | None") -> "RenderableType":
    from maskmatch.cli.render import status_view

    now = reader.look()
    rate, spent = _pace(now, coordinator) if coordinator else (None, None)
    return status_view(now, calls_per_second=rate, spent=spent)


def _pace(now: "RunStatus", coordinator: "PermitCoordinator") -> tuple[float | None, Decimal | None]:
    """Return calls a second and money of the runs that are at the date."""
    from maskmatch.core.errors import StopRun, Unavailable

    try:
        snapshot = coordinator.snapshot()
    except (Unavailable, StopRun):
        return None, None
    rate = sum(user.calls_per_second for user in snapshot.users if user.run_id in now.run_ids)
    windows = [each for each in snapshot.windows if each.kind == "run" and each.name in now.run_ids]
    return rate, sum((each.cny for each in windows), Decimal(0))
