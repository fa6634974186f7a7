"""The options of the command line about the account: how to call it, at which rate, for how much."""

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from maskmatch.core.errors import InputError
from maskmatch.core.renamed import OPTIONS
from maskmatch.permits.steps.claims import Priority
from maskmatch.pipeline.settings import ACCOUNT_FIELDS, account_budgets, run_budget

if TYPE_CHECKING:
    from maskmatch.permits.coordinator import PermitCoordinator
    from maskmatch.permits.steps.claims import Budgets
    from maskmatch.pipeline.compare_options import CompareOptions

_PRIORITY_NAMES = "{nightly,backfill,ad-hoc}"


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add how to call the vendor."""
    add = parser.add_argument
    endpoint = _default("MASKMATCH_ENDPOINT", "iai.tencentcloudapi.com")
    add(
        "--endpoint",
        default=endpoint,
        help="host, or host:port, of the service (default %(default)s; or set MASKMATCH_ENDPOINT)",
    )
    protocol = _default("MASKMATCH_PROTOCOL", "https")
    add(
        "--protocol",
        choices=("https", "http"),
        default=protocol,
        help="default %(default)s; or set MASKMATCH_PROTOCOL",
    )
    region = _default("TENCENTCLOUD_REGION", "ap-guangzhou")
    add("--region", default=region, help="region of the service (default %(default)s)")
    add_permit_store(parser)
    add(
        "--image-transfer",
        choices=("bytes", "url"),
        default="bytes",
        help="send images, or signed URLs of them (default %(default)s)",
    )
    add(
        "--calls-in-flight",
        type=int,
        metavar="N",
        help="calls in flight at most, the most that a kill can waste (default: what the rate needs)",
    )
    add(
        "--call-timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="time limit of a call, more than 5 and at most 60; best is 2.5 times what the service needs "
        "for a call (default %(default)g)",
    )
    add(
        "--priority",
        type=priority,
        default=Priority.AD_HOC,
        metavar=_PRIORITY_NAMES,
        help="who goes first when the rate is not enough for all (default ad-hoc, which goes last)",
    )
    _refuse_renamed(parser, "--class")


def add_permit_store(parser: argparse.ArgumentParser) -> None:
    """Add the rate limit and the place where all who use the account share it."""
    add = parser.add_argument
    rate = _default("MASKMATCH_CALLS_PER_SECOND", "50")
    add(
        "--calls-per-second",
        type=float,
        default=rate,
        help="rate limit of the account, the same for all who use it "
        "(default %(default)s; or set MASKMATCH_CALLS_PER_SECOND)",
    )
    add(
        "--permit-store",
        help="where all users of the account share rate and budgets: sqlite:////path for one host, "
        "redis://host:port/db or postgresql://user@host/db for several "
        "(default: MASKMATCH_PERMIT_STORE, where an address with a password belongs, "
        "or a file below the home folder)",
    )
    _refuse_renamed(parser, "--broker")


def add_budgets(parser: argparse.ArgumentParser) -> None:
    """Add what may be spent."""
    add = parser.add_argument_group("budgets", "No call is sent beyond them.").add_argument
    add("--budget-calls", metavar="N", help="calls of this run, retries included")
    add("--budget-cny", metavar="CNY", help="money for this run, retries included")
    for name, metavar, text in _ACCOUNT_HELP:
        variable = f"MASKMATCH_{name.upper()}"
        help_text = f"{text}; or set {variable}"
        add(f"--{name.replace('_', '-')}", metavar=metavar, default=os.environ.get(variable), help=help_text)
    add("--wait", action="store_true", help="when a day's or a month's budget is spent, wait for the next")


_ACCOUNT_HELP = (
    ("budget_calls_per_day", "N", "calls of all runs of the account"),
    ("budget_cny_per_day", "CNY", "money for all runs of the account"),
    ("budget_calls_per_month", "N", "calls of all runs of the account"),
    ("budget_cny_per_month", "CNY", "money for all runs of the account"),
    ("time_zone", "NAME", "in which days and months begin (default Asia/Shanghai)"),
)


def priority(text: str) -> Priority:
    """Return the priority with this name, written with a hyphen or with an underscore."""
    try:
        return Priority(text.replace("-", "_"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {_PRIORITY_NAMES}") from None


def compare_options_of(args: argparse.Namespace) -> "CompareOptions":
    """Return how to compare; raise InputError when the environment holds no key."""
    from maskmatch.permits.opening import permit_store_address
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.storage.images import Transfer
    from maskmatch.tencent import Account

    account = Account(
        secret_id=_variable("TENCENTCLOUD_SECRET_ID"),
        secret_key=_variable("TENCENTCLOUD_SECRET_KEY"),
        session_token=os.environ.get("TENCENTCLOUD_TOKEN"),
        account_id=os.environ.get("TENCENTCLOUD_ACCOUNT_ID"),
        answered_by=os.environ.get("MASKMATCH_ANSWERED_BY", ""),
        endpoint=args.endpoint,
        protocol=args.protocol,
        region=args.region,
        calls_per_second=args.calls_per_second,
    )
    return CompareOptions(
        account=account,
        permit_store=permit_store_address(args.permit_store),
        budgets=_budgets_of(args),
        priority=args.priority,
        transfer=Transfer(args.image_transfer),
        calls_in_flight=args.calls_in_flight,
        call_timeout=args.call_timeout,
    )


def coordinator_of(args: argparse.Namespace) -> "PermitCoordinator":
    """Return the coordinator of the account, which the environment must name; raise InputError."""
    from maskmatch.core.clock import SystemClock
    from maskmatch.permits.opening import open_coordinator, permit_store_address

    return open_coordinator(
        permit_store_address(args.permit_store),
        secret_id=os.environ.get("TENCENTCLOUD_ACCOUNT_ID") or _variable("TENCENTCLOUD_SECRET_ID"),
        calls_per_second=args.calls_per_second,
        clock=SystemClock(),
    )


def _budgets_of(args: argparse.Namespace) -> "Budgets":
    account = account_budgets({name: getattr(args, name) for name in ACCOUNT_FIELDS})
    return replace(account, run=run_budget(calls=args.budget_calls, cny=args.budget_cny))


def _refuse_renamed(parser: argparse.ArgumentParser, option: str) -> None:
    parser.add_argument(option, nargs="?", action=_Renamed, help=argparse.SUPPRESS)


class _Renamed(argparse.Action):
    """An option that has another name now; giving it is an error that tells the name."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        name = self.option_strings[0]
        parser.error(f"the option {name} is now called {OPTIONS[name]}")


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise InputError(f"set {name} in the environment")
    return value


def _default(variable: str, otherwise: str) -> str:
    return os.environ.get(variable) or otherwise
