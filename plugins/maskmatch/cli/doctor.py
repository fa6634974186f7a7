"""The command that looks at all that a run needs."""

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import account_settings_of, add_account, add_budgets, budgets_of
from maskmatch.cli.options import add_place, day_of, place_of, store_of
from maskmatch.settings.sources import in_variable

if TYPE_CHECKING:
    from maskmatch.storage.object_stores import Store

_STORE_CONNECTION = "maskmatch_storage"


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run is given, and which connections a task reads in its place."""
    parser.add_argument("--date", type=day_of, help="look for the manifests of this date, too")
    add_place(parser, "source", "manifests and images")
    add_place(parser, "warehouse", "plans, journals and tables")
    for place in ("source", "warehouse"):
        parser.add_argument(
            f"--{place}-connection",
            metavar="CONN_ID",
            help=f"connection of Airflow for the {place} (default, where --connection is given: "
            f"MASKMATCH_{place.upper()}_CONN_ID, else {_STORE_CONNECTION})",
        )
    add_account(parser)
    add_budgets(parser)


def doctor(args: argparse.Namespace) -> int:
    """Look at each thing and say how it is; return 1 when there is something to mend."""
    from maskmatch.pipeline.doctor import examine

    wrong = 0
    for finding in examine(_checks(args)):
        wrong += not finding.is_well
        sys.stdout.write(f"{'ok   ' if finding.is_well else 'WRONG'}  {finding.subject:<13} {finding.text}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{wrong} to mend\n" if wrong else "all that a run needs is there; nothing was billed\n")
    return 1 if wrong else 0


def _checks(args: argparse.Namespace) -> dict[str, Callable[[], str]]:
    from maskmatch.pipeline import doctor as looks

    account = cache(lambda: account_settings_of(args))  # an error is not kept, and found anew
    return {
        "account": lambda: str(account()),
        "budgets": lambda: f"days and months begin in {budgets_of(args, account()).time_zone}",
        "permit store": lambda: looks.look_at_permits(account()),
        "service": lambda: looks.look_at_service(account()),
        "source": lambda: looks.look_at_source(_store(args, "source"), args.date),
        "warehouse": lambda: looks.look_at_warehouse(_store(args, "warehouse")),
    }


def _store(args: argparse.Namespace, place: str) -> "Store":
    conn_id = getattr(args, f"{place}_connection")
    if args.connection and not conn_id:
        conn_id = in_variable(f"MASKMATCH_{place.upper()}_CONN_ID") or _STORE_CONNECTION
    if not conn_id:
        return store_of(args, place)
    with redirect_stdout(sys.stderr):
        from maskmatch.hooks.object_storage import ObjectStorageHook
        from maskmatch.hooks.outside_tasks import find_connection

        hook = ObjectStorageHook(conn_id, find=find_connection)
        return hook.get_store(place_of(args, place), writes=place == "warehouse")
