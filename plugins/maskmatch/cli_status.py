"""The command that shows how far a date is, also while a run goes on elsewhere."""

import argparse
import os
from contextlib import ExitStack, closing
from decimal import Decimal
from typing import TYPE_CHECKING

from maskmatch.cli_account import add_broker, broker_of
from maskmatch.cli_options import add_warehouse, job_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.core.permits.broker import Broker
    from maskmatch.standing import Standing, Watch

_WATCH_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the journals lie, and the broker, which knows the rate."""
    add_warehouse(parser)
    add_broker(parser)
    parser.add_argument("--watch", action="store_true", help="show it anew every 2 s, until Ctrl-C")


def status(args: argparse.Namespace) -> int:
    """Show it once, or until all pairs are done."""
    from maskmatch import screen
    from maskmatch.standing import Watch

    watch = Watch(job_of(args, source="warehouse"))
    with ExitStack() as open_things:
        broker = None
        if os.environ.get("TENCENTCLOUD_SECRET_ID"):  # else rate and spend stay out
            broker = open_things.enter_context(closing(broker_of(args)))
        if args.watch:
            screen.watch(lambda: _look(watch, broker), seconds=_WATCH_SECONDS)
        else:
            screen.show(_look(watch, broker))
    return 0


def _look(watch: "Watch", broker: "Broker | None") -> "RenderableType":
    from maskmatch.views import standing_view

    now = watch.look()
    rate, spent = _pace(now, broker) if broker else (None, None)
    return standing_view(now, calls_per_second=rate, spent=spent)


def _pace(now: "Standing", broker: "Broker") -> tuple[float | None, Decimal | None]:
    """Return calls a second and money of the runs that are at the date."""
    from maskmatch.core.errors import Unavailable

    try:
        snapshot = broker.snapshot()
    except Unavailable:
        return None, None
    rate = sum(user.calls_per_second for user in snapshot.users if user.run_id in now.run_ids)
    windows = [each for each in snapshot.windows if each.kind == "run" and each.name in now.run_ids]
    return rate, sum((each.cny for each in windows), Decimal(0))
