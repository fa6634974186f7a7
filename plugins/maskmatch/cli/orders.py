"""The orders that the command line gives: whom they reach is said, and an order that reaches nobody fails."""

import argparse
import difflib
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import account_settings_of
from maskmatch.core.errors import AccountUnknown, RunUnknown
from maskmatch.permits.stores.default_file import user_name

if TYPE_CHECKING:
    from maskmatch.permits.steps.snapshot import Snapshot, UserNow
    from maskmatch.settings.account import AccountSettings

CONTROLS = {
    "pause": "send no calls until `maskmatch resume`; runs wait, and go on then",
    "resume": "take back `pause` and `drain`",
    "drain": "end runs after the calls in flight; `maskmatch resume` lets them be run again",
}
_DONE = {"pause": "paused", "resume": "resumed", "drain": "draining"}
_STAYS = ("pause", "drain")
_MOST_RUNS = 5
_ON_BEHALF = ("SUDO_USER", "AIRFLOW_CTX_DAG_OWNER", "AIRFLOW_CTX_DAG_ID", "AIRFLOW_CTX_DAG_RUN_ID")
"""Variables in which sudo and Airflow say for whom a command runs."""


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add whom an order is for."""
    parser.add_argument(
        "--run", metavar="RUN_ID", help="that run alone, by the name `maskmatch quota` shows (default: all)"
    )


def control(args: argparse.Namespace) -> int:
    """Pause, resume or drain; whatever runs obeys within 2 s. For one run, say what holds for all."""
    settings = account_settings_of(args, needs_key=False)
    with closing(settings.open_coordinator()) as coordinator:
        check_reaches(settings, coordinator.snapshot(), args.run)
        orders = {"pause": coordinator.pause, "resume": coordinator.resume, "drain": coordinator.drain}
        orders[args.control](args.run, by=ordered_by())
        now = coordinator.snapshot()
    lines = [
        f"{_DONE[args.control]}: {args.run or 'all runs of the account'}",
        *reached(settings, now, args.run, stays=args.control in _STAYS),
        *(_for_all(now) if args.run else ()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def check_reaches(settings: "AccountSettings", now: "Snapshot", run: str | None = None) -> None:
    """Raise AccountUnknown or RunUnknown for an order that nobody would obey."""
    if not now.is_known:
        raise AccountUnknown(f"nobody is reached: {never_heard(settings)}")
    if run and run not in now.runs:
        raise RunUnknown(
            f"no run is reached: {place_of(settings)} has no run {run}; {_nearest(run, now.runs)}"
        )


def reached(
    settings: "AccountSettings", now: "Snapshot", run: str | None = None, *, stays: bool
) -> list[str]:
    """Return whom an order has reached, line by line; one that `stays` holds for later runs, too."""
    there = [user for user in now.users if user.is_there and run in (None, user.run_id)]
    if there:
        return [f"at {place_of(settings)}; there now:", *_by_run(there)]
    later = "; runs that start will obey" if stays else ""
    return [f"at {place_of(settings)}; no run is there now{later}"]


def place_of(settings: "AccountSettings") -> str:
    """Return permit store and account, without any secret."""
    return f"permit store {settings.permit_store_shown}, account {settings.account.name}"


def never_heard(settings: "AccountSettings") -> str:
    """Return that the permit store does not know the account, and what may be the reason."""
    from maskmatch.permits.opening import is_default

    text = (
        f"{place_of(settings)}: no run has ever used this account there; check the account's SecretId or id"
    )
    if not is_default(settings.permit_store):
        return f"{text}, and the address"
    return (
        f"{text}. That file is the default of user {user_name()}, and every user of a host has one of their "
        "own: give --permit-store or set MASKMATCH_PERMIT_STORE as the runs do"
    )


def ordered_by() -> str:
    """Return who gives an order: the user of the process, and for whom it says that it runs."""
    behind = ", ".join(filter(None, map(os.environ.get, _ON_BEHALF)))
    return f"{user_name()}@{os.uname().nodename}" + (f" for {behind}" if behind else "")


def _by_run(users: "list[UserNow]") -> list[str]:
    runs = sorted({user.run_id for user in users})
    return [f"  run {run}: {', '.join(user.who for user in users if user.run_id == run)}" for run in runs]


def _nearest(run: str, known: tuple[str, ...]) -> str:
    if not known:
        return "there is none yet"

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, run, other).ratio()

    near = sorted(known, key=likeness, reverse=True)
    more = f" and {len(near) - _MOST_RUNS} more" if len(near) > _MOST_RUNS else ""
    return f"it has {', '.join(near[:_MOST_RUNS])}{more}"


def _for_all(now: "Snapshot") -> list[str]:
    """Return what an order for one run leaves in force, and the cure; nothing when there is nothing."""
    from maskmatch.permits.steps.state import ALL_RUNS

    orders = [word for word, whom in (("paused", now.paused), ("drained", now.drained)) if ALL_RUNS in whom]
    if not orders:
        return []
    cure = "`maskmatch resume` without --run takes that back"
    return [f"all runs of the account, this one too, are still {' and '.join(orders)}: {cure}"]
