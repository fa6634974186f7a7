"""The options of the command line about the account: how to call it, at which rate, for how much."""

import argparse
import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from maskmatch.core.approval import DEFAULT_COST_LIMIT
from maskmatch.core.renamed import OPTIONS
from maskmatch.permits.steps.claims import Priority
from maskmatch.settings.account_fields import ACCOUNT_FIELDS, SECRETS, VARIABLES
from maskmatch.settings.sources import check_vendor_variables, in_options, in_variable, in_variables

if TYPE_CHECKING:
    from maskmatch.permits.coordinator import PermitCoordinator
    from maskmatch.permits.steps.claims import Budgets
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.settings.account import AccountSettings
    from maskmatch.settings.fields import Entered

_PRIORITY_NAMES = "{nightly,backfill,ad-hoc}"


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add how to call the vendor."""
    add = parser.add_argument
    add(
        "--endpoint",
        help="host, or host:port, of the service (default iai.tencentcloudapi.com, or MASKMATCH_ENDPOINT)",
    )
    add("--protocol", metavar="{https,http}", help="default https; or set MASKMATCH_PROTOCOL")
    add("--region", help="region of the service (default ap-guangzhou; or set TENCENTCLOUD_REGION)")
    add_permit_store(parser)
    add("--image-transfer", metavar="{bytes,url}", help="send images, or signed URLs of them (default bytes)")
    add(
        "--calls-in-flight",
        metavar="N",
        help="calls in flight at most, the most that a kill can waste (default: what the rate needs)",
    )
    add(
        "--call-timeout",
        metavar="SECONDS",
        help="time limit of a call, more than 5 and at most 60; best is 2.5 times what the service needs "
        "for a call (default 10)",
    )
    add(
        "--on-model-change",
        metavar="{stop,go_on}",
        help="what to do when another version of the face model answers than before (default stop)",
    )
    add(
        "--priority",
        type=priority,
        default=Priority.AD_HOC,
        metavar=_PRIORITY_NAMES,
        help="who goes first when the rate is not enough for all (default ad-hoc, which goes last)",
    )
    _refuse_renamed(parser, "--class")


def add_approval_limit(parser: argparse.ArgumentParser) -> None:
    """Add the cost above which a person must approve."""
    parser.add_argument(
        "--approval-cost-limit",
        metavar="CNY",
        help=f"a plan that may cost more needs an approval (default {DEFAULT_COST_LIMIT}; or set "
        f"{VARIABLES['approval_cost_limit']})",
    )


def add_permit_store(parser: argparse.ArgumentParser) -> None:
    """Add the rate limit and the place where all who use the account share it."""
    add = parser.add_argument
    add(
        "--connection",
        metavar="CONN_ID",
        default=in_variable("MASKMATCH_CONNECTION"),
        help="read the account, its rate, budgets and permit store from this connection of Airflow, as its "
        "tasks do, and not from variables (or set MASKMATCH_CONNECTION)",
    )
    add(
        "--calls-per-second",
        metavar="RATE",
        help="rate limit of the account, the same for all who use it "
        "(default 50; or set MASKMATCH_CALLS_PER_SECOND)",
    )
    add(
        "--permit-store",
        metavar="ADDRESS",
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
        add(f"--{name.replace('_', '-')}", metavar=metavar, help=f"{text}; or set {VARIABLES[name]}")
    add("--wait", action="store_true", help="when a day's or a month's budget is spent, wait for the next")


_ACCOUNT_HELP = (
    (
        "budget_calls_per_day",
        "N",
        "calls of all runs of the account; this or the next must be given, none for no limit",
    ),
    ("budget_cny_per_day", "CNY", "money for all runs of the account"),
    ("budget_calls_per_month", "N", "calls of all runs of the account"),
    ("budget_cny_per_month", "CNY", "money for all runs of the account"),
)


def priority(text: str) -> Priority:
    """Return the priority with this name, written with a hyphen or with an underscore."""
    try:
        return Priority(text.replace("-", "_"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {_PRIORITY_NAMES}") from None


def account_settings_of(args: argparse.Namespace, *, needs_key: bool = True) -> "AccountSettings":
    """Return the account: options over the Airflow connection if one is named, else over variables."""
    from maskmatch.settings.account import read_account

    names = [field.name for field in ACCOUNT_FIELDS if field.name not in SECRETS]
    options = in_options(names, vars(args))
    if args.connection:
        return _connected(args.connection, options, needs_key=needs_key)
    check_vendor_variables(os.environ)
    return read_account(
        {**in_variables(VARIABLES, os.environ), **options}, place="the environment", needs_key=needs_key
    )


def _connected(conn_id: str, options: "dict[str, Entered]", *, needs_key: bool) -> "AccountSettings":
    with redirect_stdout(sys.stderr):  # Airflow logs to stdout, which belongs to the command's answer
        from maskmatch.hooks.outside_tasks import find_connection
        from maskmatch.hooks.tencent_iai import TencentIaiHook

        return TencentIaiHook(conn_id).get_settings(options, needs_key=needs_key, find=find_connection)


def compare_options_of(args: argparse.Namespace, *, pays: bool = True) -> "CompareOptions":
    """Return how to compare; raise WrongSetting. Who `pays` nothing needs no budget of the day."""
    from maskmatch.cli.options import setting
    from maskmatch.engine.model_versions import OnModelChange
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.storage.images import Transfer

    settings = account_settings_of(args)
    return CompareOptions(
        account=settings.account,
        permit_store=settings.permit_store,
        budgets=budgets_of(args, settings) if pays else settings.budgets,
        approval_cost_limit=settings.approval_cost_limit,
        priority=args.priority,
        transfer=Transfer(setting(args, "image_transfer")),
        calls_in_flight=setting(args, "calls_in_flight"),
        call_timeout=setting(args, "call_timeout"),
        on_model_change=OnModelChange(setting(args, "on_model_change")),
    )


def budgets_of(args: argparse.Namespace, settings: "AccountSettings") -> "Budgets":
    """Return the account's budgets and what the run asks for; raise WrongSetting."""
    asked = in_options(("budget_calls", "budget_cny"), vars(args))
    return settings.limited(calls=asked.get("budget_calls"), cny=asked.get("budget_cny"))


def coordinator_of(args: argparse.Namespace) -> "PermitCoordinator":
    """Return the coordinator of the account; raise WrongSetting."""
    return account_settings_of(args, needs_key=False).open_coordinator()


def _refuse_renamed(parser: argparse.ArgumentParser, option: str) -> None:
    parser.add_argument(option, nargs="?", action=_Renamed, help=argparse.SUPPRESS)


class _Renamed(argparse.Action):
    """An option that has another name now; giving it is an error that tells the name."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        name = self.option_strings[0]
        parser.error(f"the option {name} is now called {OPTIONS[name]}")
