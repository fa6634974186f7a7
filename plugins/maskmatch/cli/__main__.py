"""The command `maskmatch`: parse, call one function, explain what went wrong."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper

from maskmatch.cli import (
    doctor,
    export,
    orders,
    pairs,
    plan,
    publish,
    quota,
    reconcile,
    redrive,
    run,
    serve,
    status,
    validate,
    views,
)
from maskmatch.cli.account_options import add_permit_store
from maskmatch.cli.options import EPILOG, Command
from maskmatch.core.errors import (
    AccountUnknown,
    BudgetSpent,
    Drained,
    Interrupted,
    MaskmatchError,
    Replaced,
    RunUnknown,
    StopRun,
    WrongSetting,
)
from maskmatch.core.renamed import VARIABLES, refuse_renamed
from maskmatch.settings.sources import check_variables

EXIT_ERROR, EXIT_WRONG, EXIT_NOBODY, EXIT_NO_RUN, EXIT_BUDGET_SPENT, EXIT_STOPPED = 1, 2, 3, 4, 75, 130
_STATUS: dict[type, int] = {WrongSetting: EXIT_WRONG, AccountUnknown: EXIT_NOBODY, RunUnknown: EXIT_NO_RUN}
_KEYS_HINT = "keys and storage come from the environment here: see maskmatch --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status, with what went wrong on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without UTF-8 shows escapes
            stream.reconfigure(errors="backslashreplace")
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in ("botocore", "airflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    command: Command = args.command
    try:
        refuse_renamed(os.environ, VARIABLES, kind="variable")
        check_variables(os.environ)
        return command(args)
    except (MaskmatchError, KeyboardInterrupt) as error:
        text, status = _explained(error)
        sys.stderr.write(f"maskmatch: {text}\n")
        return status


def _explained(error: MaskmatchError | KeyboardInterrupt) -> tuple[str, int]:
    """Return what the user reads, and the exit status."""
    match error:
        case Drained():
            return f"{error}; to go on: maskmatch resume, then the same command", EXIT_STOPPED
        case Interrupted() | KeyboardInterrupt():
            return f"{str(error) or 'interrupted'}; run the same command to go on", EXIT_STOPPED
        case BudgetSpent():
            return f"{error} ({_cure(error)})", EXIT_BUDGET_SPENT
        case StopRun() if not isinstance(error, Replaced):
            return f"error: {error} ({_KEYS_HINT})", EXIT_ERROR
    return f"error: {error}", _STATUS.get(type(error), EXIT_ERROR)


def _cure(spent: BudgetSpent) -> str:
    if spent.until is None:
        return "give a larger budget and run the same command to go on; what is done is kept"
    return f"run the same command after {spent.until:%Y-%m-%d %H:%M:%S} UTC to go on, or with --wait"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maskmatch",
        description="Compare image pairs with CompareMaskFace, within the rate limit, paying for none twice.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"maskmatch {version('maskmatch')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan.add_forecast_options(
        _command(
            commands,
            "plan",
            plan.plan,
            "read the manifests of one date or several, write a plan, forecast cost and end; call nothing",
        )
    )
    validate.add_validate_options(
        _command(
            commands, "validate", validate.validate, "read manifests and say what is in them; pay nothing"
        )
    )
    pairs.add_pairs_options(
        _command(
            commands, "pairs", pairs.pairs, "make a manifest of pairs from a list of images; pay nothing"
        )
    )
    run.add_run_options(
        _command(commands, "run", run.run, "plan, compare what is missing, publish and report a date")
    )
    publish.add_publish_options(
        _command(
            commands,
            "publish",
            publish.publish,
            "publish a date again, with another threshold or as it was before; call nothing",
        )
    )
    redrive.add_redrive_options(
        _command(
            commands, "redrive", redrive.redrive, "call chosen failed pairs of a date anew; keep all others"
        )
    )
    status.add_arguments(
        _command(commands, "status", status.status, "show how far the newest plan of a date is")
    )
    export.add_export_options(
        _command(commands, "export", export.export, "write published outcomes for NIST, bob or a spreadsheet")
    )
    views.add_views_options(
        _command(commands, "views", views.views, "print SQL views over the tables, for DuckDB")
    )
    reconcile.add_reconcile_options(
        _command(
            commands, "reconcile", reconcile.reconcile, "put permits, journals, meter and bill side by side"
        )
    )
    quota.add_quota(
        _command(commands, "quota", quota.quota, "show rate, users and budgets of the account; set floors")
    )
    for name, text in orders.CONTROLS.items():
        control = _command(commands, name, orders.control, text)
        control.set_defaults(control=name)
        add_permit_store(control)
        orders.add_run(control)
    doctor.add_doctor_options(
        _command(commands, "doctor", doctor.doctor, "look at all that a run needs; nothing is billed")
    )
    serve.add_serve_options(
        _command(commands, "serve", serve.serve, "serve a local CompareMaskFace with a real face model")
    )
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=run)
    return parser


# Airflow executes files of its plugins folder under bare names: this one as __main__, of no package.
if __name__ == "__main__" and __package__:
    sys.exit(main())
