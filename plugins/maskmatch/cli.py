"""The command line: the same engine as the Dag's, without Airflow."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

from maskmatch.cli_options import (
    VARIABLES,
    Command,
    add_account,
    add_plan,
    add_serve,
    add_warehouse,
    compare_options_of,
    job_of,
    plan_options_of,
)
from maskmatch.core.errors import Interrupted, MaskmatchError, StopRun

_KEYS_HINT = "keys and storage come from the environment here: see maskmatch --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 with the error on stderr, or 130 when interrupted."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    command: Command = args.command
    try:
        return command(args)
    except (Interrupted, KeyboardInterrupt) as stopped:
        sys.stderr.write(f"maskmatch: {stopped or 'interrupted'}; run the same command to go on\n")
        return 130
    except StopRun as error:
        sys.stderr.write(f"maskmatch: error: {error} ({_KEYS_HINT})\n")
        return 1
    except MaskmatchError as error:
        sys.stderr.write(f"maskmatch: error: {error}\n")
        return 1


def _plan(args: argparse.Namespace) -> int:
    from maskmatch.runs import make_plan

    _say(str(make_plan(job_of(args, source="source"), plan_options_of(args))))
    return 0


def _run(args: argparse.Namespace) -> int:
    from maskmatch import publications, runs

    job, options = job_of(args, source="source"), compare_options_of(args)
    runs.check_account(options)
    plan = runs.make_plan(job, plan_options_of(args))
    _say(str(plan))
    job = replace(job, run_id=f"cli__{plan.plan_id}")
    _stop_on_signals(options.stop)
    for shard in plan.shards:
        runs.compare_shard(job, plan, shard, options)
    publications.publish(job, plan, nominal_fmr=args.nominal_fmr)
    _say(f"{publications.summary(job)}\n\npublished at {publications.outcomes_address(job)}")
    return 0


def _status(args: argparse.Namespace) -> int:
    from maskmatch.publications import status

    _say(status(job_of(args, source="warehouse")))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from maskmatch.server.command import serve

    return serve(args)


def _stop_on_signals(stop: threading.Event) -> None:
    """Let Ctrl-C and SIGTERM end the run after the pairs under way; a second one kills."""

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maskmatch",
        description="Compare image pairs with CompareMaskFace, within the rate limit, paying for none twice.",
        epilog=VARIABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_plan(_command(commands, "plan", _plan, "read the manifests of a date and write a plan; call nothing"))
    run = _command(commands, "run", _run, "plan, compare what is missing, publish and summarise a date")
    add_plan(run)
    add_account(run)
    add_warehouse(_command(commands, "status", _status, "show how far the newest plan of a date is"))
    add_serve(_command(commands, "serve", _serve, "serve a local CompareMaskFace with a real face model"))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
