"""The commands that look at the permit store of an account, and give it orders."""

import argparse
import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import add_permit_store, coordinator_of, priority

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.permits.coordinator import PermitCoordinator
    from maskmatch.permits.steps.claims import Priority

CONTROLS = {
    "pause": "send no calls until `maskmatch resume`; runs wait, and go on then",
    "resume": "take back `pause` and `drain`",
    "drain": "end runs after the calls in flight; `maskmatch resume` lets them be run again",
}
_DONE = {"pause": "paused", "resume": "resumed", "drain": "draining"}
_WATCH_SECONDS = 1.0


def add_quota(parser: argparse.ArgumentParser) -> None:
    """Add the options of `quota`."""
    add_permit_store(parser)
    add = parser.add_argument
    add("--watch", action="store_true", help="refresh every second, until Ctrl-C")
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


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add whom an order is for."""
    parser.add_argument(
        "--run", metavar="RUN_ID", help="that run alone, by the name `maskmatch quota` shows (default: all)"
    )


def quota(args: argparse.Namespace) -> int:
    """Set floors, then show the coordinator once, or live."""
    from maskmatch.cli.render import quota_record
    from maskmatch.cli.terminal import show, watch

    with closing(coordinator_of(args)) as coordinator:
        for lower, share in args.floor:
            coordinator.set_floor(lower, share)
        if args.json:
            sys.stdout.write(json.dumps(quota_record(coordinator.snapshot())) + "\n")
        elif args.watch:
            watch(lambda: _look(coordinator), seconds=_WATCH_SECONDS)
        else:
            show(_look(coordinator))
    return 0


def control(args: argparse.Namespace) -> int:
    """Pause, resume or drain; whatever runs obeys within 2 s. For one run, say what holds for all."""
    with closing(coordinator_of(args)) as coordinator:
        {"pause": coordinator.pause, "resume": coordinator.resume, "drain": coordinator.drain}[args.control](
            args.run
        )
        sys.stdout.write(f"{_DONE[args.control]}: {args.run or 'all runs of the account'}\n")
        if args.run:
            sys.stdout.write(_for_all(coordinator))
    return 0


def _for_all(coordinator: "PermitCoordinator") -> str:
    """Return what an order for one run leaves in force, and the cure; nothing when there is nothing."""
    from maskmatch.permits.steps.state import ALL_RUNS

    now = coordinator.snapshot()
    orders = [word for word, whom in (("paused", now.paused), ("drained", now.drained)) if ALL_RUNS in whom]
    if not orders:
        return ""
    cure = "`maskmatch resume` without --run takes that back"
    return f"all runs of the account, this one too, are still {' and '.join(orders)}: {cure}\n"


def _look(coordinator: "PermitCoordinator") -> "RenderableType":
    from maskmatch.cli.render import quota_view

    return quota_view(coordinator.snapshot(), at=datetime.now(UTC))


def _floor(text: str) -> "tuple[Priority, float]":
    name, _, share = text.partition("=")
    try:
        return priority(name), float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a floor: give one such as backfill=0.2") from None
