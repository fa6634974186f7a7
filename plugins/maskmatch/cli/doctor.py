"""The command that looks at all that a run needs."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import cache
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import account_settings_of, add_account, add_budgets, budgets_of
from maskmatch.cli.options import add_place, day_of, place_of, setting, store_of
from maskmatch.settings.sources import in_variable

if TYPE_CHECKING:
    from maskmatch.core.reach import Reach
    from maskmatch.storage.object_stores import Store

_STORE_CONNECTION = "maskmatch_storage"
_RUN_SETTINGS = ("call_timeout", "calls_in_flight")


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

    out, wrong = sys.stdout, 0  # a point that is given up may still send what Airflow logs elsewhere
    for finding in examine(_checks(args)):
        wrong += not finding.is_well
        out.write(f"{'ok   ' if finding.is_well else 'WRONG'}  {finding.subject:<14} {finding.text}\n")
        out.flush()
    out.write(f"{wrong} to mend\n" if wrong else "all that a run needs is there; nothing was billed\n")
    return 1 if wrong else 0


def _checks(args: argparse.Namespace) -> dict[str, Callable[[], str]]:
    from maskmatch.pipeline import doctor as looks
    from maskmatch.pipeline import doctor_places as places
    from maskmatch.storage.images import Transfer

    if args.connection or _connection_of(args, "source") or _connection_of(args, "warehouse"):
        _import_airflow()
    account = cache(lambda: account_settings_of(args))  # an error is not kept, and found anew
    source = cache(lambda: _store(args, "source"))
    return {
        "account": lambda: str(account()),
        "budgets": lambda: f"days and months begin in {budgets_of(args, account()).time_zone}",
        "run": lambda: _run_settings(args),
        "permit store": lambda: looks.look_at_permits(account()),
        "service": lambda: looks.look_at_service(account()),
        "source": lambda: places.look_at_source(source(), args.date),
        "warehouse": lambda: places.look_at_warehouse(_store(args, "warehouse")),
        "images": lambda: str(_reach(args)),
        "image transfer": lambda: places.look_at_transfer(
            source(), Transfer(setting(args, "image_transfer"))
        ),
        "temporary disk": places.look_at_disk,
        **({"slots": _slots} if args.connection else {}),
    }


def _import_airflow() -> None:
    """Take the seconds that this takes before the time of a point begins to run."""
    with redirect_stdout(sys.stderr), suppress(ImportError):  # which the points tell
        import maskmatch.hooks.object_storage
        import maskmatch.hooks.outside_tasks
        import maskmatch.hooks.slots
        import maskmatch.hooks.tencent_iai  # noqa: F401


def _slots() -> str:
    with redirect_stdout(sys.stderr):
        from maskmatch.hooks.slots import look_at_slots

        return look_at_slots()


def _run_settings(args: argparse.Namespace) -> str:
    found = {name: setting(args, name) for name in _RUN_SETTINGS}
    return ", ".join(f"{name} {'by itself' if value is None else value}" for name, value in found.items())


def _store(args: argparse.Namespace, place: str) -> "Store":
    conn_id = _connection_of(args, place)
    if not conn_id:
        return store_of(args, place)
    with redirect_stdout(sys.stderr):
        from maskmatch.hooks.object_storage import ObjectStorageHook
        from maskmatch.hooks.outside_tasks import find_connection

        hook = ObjectStorageHook(conn_id, find=find_connection)
        return hook.get_store(place_of(args, place), writes=place == "warehouse")


def _reach(args: argparse.Namespace) -> "Reach":
    from maskmatch.settings.store import reach_from_variables

    conn_id = _connection_of(args, "source")
    if not conn_id:
        return reach_from_variables(os.environ)
    with redirect_stdout(sys.stderr):
        from maskmatch.hooks.object_storage import connected_reach
        from maskmatch.hooks.outside_tasks import known_connection

        return connected_reach(conn_id, find=known_connection)


def _connection_of(args: argparse.Namespace, place: str) -> str | None:
    """Return the connection through which a task reaches source or warehouse; None where variables count."""
    named: str | None = getattr(args, f"{place}_connection")
    if args.connection and not named:
        return in_variable(f"MASKMATCH_{place.upper()}_CONN_ID") or _STORE_CONNECTION
    return named
