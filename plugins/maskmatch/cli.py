"""The command line: the same engine as the Dag's, without Airflow."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maskmatch import cli_control, cli_status
from maskmatch.cli_account import add_account, add_broker, add_budgets, compare_options_of
from maskmatch.cli_options import (
    EPILOG,
    Command,
    add_plan,
    add_serve,
    add_threshold,
    job_of,
    plan_options_of,
)
from maskmatch.core.errors import BudgetSpent, Drained, Interrupted, MaskmatchError, Replaced, StopRun
from maskmatch.supervision import Watch

if TYPE_CHECKING:
    from maskmatch.core.pacing import Clock
    from maskmatch.core.planning import Plan, Shard
    from maskmatch.runs import CompareOptions, Job

EXIT_ERROR, EXIT_BUDGET_SPENT, EXIT_STOPPED = 1, 75, 130
_KEYS_HINT = "keys and storage come from the environment here: see maskmatch --help"
_LONGEST_NAP_SECONDS = 60.0
_SHORTEST_WAIT = timedelta(seconds=30)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status, with what went wrong on stderr."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    command: Command = args.command
    try:
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
    return f"error: {error}", EXIT_ERROR


def _cure(spent: BudgetSpent) -> str:
    if spent.until is None:
        return "give a larger budget and run the same command to go on; what is done is kept"
    return f"run the same command after {spent.until:%Y-%m-%d %H:%M:%S} UTC to go on, or with --wait"


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
    asked = _asked_to_stop()
    for shard in plan.shards:
        _compare(job, plan, shard, options, asked=asked, waits=args.wait)
    publications.publish(job, plan, nominal_fmr=args.nominal_fmr)
    _say(f"{publications.summary(job)}\n\npublished at {publications.outcomes_address(job)}")
    return 0


def _compare(
    job: "Job", plan: "Plan", shard: "Shard", options: "CompareOptions", *, asked: "_Asked", waits: bool
) -> None:
    """Compare a shard; when the budget of a day or month is spent and we may wait, wait and go on."""
    from maskmatch import runs

    while True:
        try:
            with asked.stop() as stop:
                runs.compare_shard(job, plan, shard, replace(options, stop=stop))
        except BudgetSpent as spent:
            if spent.until is None or not waits:
                raise
            _say(f"{spent}: waiting")
            with asked.stop() as stop:
                soonest = options.clock.utc() + _SHORTEST_WAIT  # the broker's clock may be behind ours
                _wait_until(max(spent.until, soonest), options.clock, stop)
        else:
            return


def _wait_until(time: datetime, clock: "Clock", stop: threading.Event) -> None:
    while (left := (time - clock.utc()).total_seconds()) > 0:
        clock.wait(stop, min(left, _LONGEST_NAP_SECONDS))
        if stop.is_set():
            raise Interrupted("stopped while waiting for the budget's next window")


def _serve(args: argparse.Namespace) -> int:
    from maskmatch.server.command import serve

    return serve(args)


class _Asked:
    """Whether Ctrl-C or SIGTERM has come; each attempt gets an event of its own, which it may set too."""

    def __init__(self) -> None:
        self._has_come = False
        self._watch: Watch | None = None

    @contextmanager
    def stop(self) -> Iterator[threading.Event]:
        """Yield the event of one attempt, set if we were asked before."""
        event = threading.Event()
        with Watch(event, getppid=None) as self._watch:
            if self._has_come:
                event.set()
            yield event

    def ask(self, number: int, _: object) -> None:
        """Let the run end after the calls under way; a second signal kills."""
        self._has_come = True
        if self._watch:
            self._watch.ask()
        signal.signal(number, signal.SIG_DFL)


def _asked_to_stop() -> _Asked:
    asked = _Asked()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked.ask)
    return asked


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maskmatch",
        description="Compare image pairs with CompareMaskFace, within the rate limit, paying for none twice.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_plan(_command(commands, "plan", _plan, "read the manifests of a date and write a plan; call nothing"))
    run = _command(commands, "run", _run, "plan, compare what is missing, publish and summarise a date")
    for add in (add_plan, add_account, add_threshold, add_budgets):
        add(run)
    status = _command(commands, "status", cli_status.status, "show how far the newest plan of a date is")
    cli_status.add_arguments(status)
    quota = _command(
        commands, "quota", cli_control.quota, "show rate, users and budgets of the account; set floors"
    )
    cli_control.add_quota(quota)
    for name, text in cli_control.CONTROLS.items():
        control = _command(commands, name, cli_control.control, text)
        control.set_defaults(control=name)
        add_broker(control)
        cli_control.add_run(control)
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
