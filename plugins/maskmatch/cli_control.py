"""The commands that look at the permit broker of an account, and give it orders."""

import argparse
import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maskmatch.cli_account import add_broker, broker_of, run_class

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.core.permits.broker import Broker
    from maskmatch.core.permits.claims import RunClass

CONTROLS = {
    "pause": "let no call be sent, until `maskmatch resume`; what runs waits, and goes on by itself",
    "resume": "take back `pause` and `drain`",
    "drain": "end what runs after the calls under way; `maskmatch resume` lets it be run again",
}
_DONE = {"pause": "paused", "resume": "resumed", "drain": "draining"}
_WATCH_SECONDS = 1.0


def add_quota(parser: argparse.ArgumentParser) -> None:
    """Add the options of `quota`."""
    add_broker(parser)
    add = parser.add_argument
    add("--watch", action="store_true", help="show it anew every second, until Ctrl-C")
    add("--json", action="store_true", help="one JSON object, for programs")
    add(
        "--floor",
        type=_floor,
        action="append",
        default=[],
        metavar="CLASS=SHARE",
        help="from now on, let a class have at least this share of the rate whoever else asks, such as "
        "backfill=0.2; may be given several times",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add whom an order is for."""
    parser.add_argument(
        "--run", metavar="RUN_ID", help="that run alone, by the name `maskmatch quota` shows (default: all)"
    )


def quota(args: argparse.Namespace) -> int:
    """Set floors, then show the broker once, or live."""
    from maskmatch import screen
    from maskmatch.views import quota_record

    with closing(broker_of(args)) as broker:
        for lower, share in args.floor:
            broker.set_floor(lower, share)
        if args.json:
            sys.stdout.write(json.dumps(quota_record(broker.snapshot())) + "\n")
        elif args.watch:
            screen.watch(lambda: _look(broker), seconds=_WATCH_SECONDS)
        else:
            screen.show(_look(broker))
    return 0


def control(args: argparse.Namespace) -> int:
    """Pause, resume or drain; whatever runs obeys within 2 s. For one run, say what holds for all."""
    with closing(broker_of(args)) as broker:
        {"pause": broker.pause, "resume": broker.resume, "drain": broker.drain}[args.control](args.run)
        sys.stdout.write(f"{_DONE[args.control]}: {args.run or 'all runs of the account'}\n")
        if args.run:
            sys.stdout.write(_for_all(broker))
    return 0


def _for_all(broker: "Broker") -> str:
    """Return what an order for one run leaves in force, and the cure; nothing when there is nothing."""
    from maskmatch.core.permits.state import EVERYBODY

    now = broker.snapshot()
    orders = [word for word, whom in (("paused", now.paused), ("drained", now.drained)) if EVERYBODY in whom]
    if not orders:
        return ""
    cure = "`maskmatch resume` without --run takes that back"
    return f"all runs of the account, this one too, are still {' and '.join(orders)}: {cure}\n"


def _look(broker: "Broker") -> "RenderableType":
    from maskmatch.views import quota_view

    return quota_view(broker.snapshot(), at=datetime.now(UTC))


def _floor(text: str) -> "tuple[RunClass, float]":
    name, _, share = text.partition("=")
    try:
        return run_class(name), float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no floor: give such as backfill=0.2") from None
