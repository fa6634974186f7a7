"""The command that runs a date."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import add_account, add_approval_limit, add_budgets, compare_options_of
from maskmatch.cli.approval import add_approve, get_approved
from maskmatch.cli.options import (
    add_deadline,
    add_limits,
    add_plan_options,
    add_threshold,
    plan_options_of,
    run_of,
    setting,
    source_store,
)
from maskmatch.cli.orders import ordered_by
from maskmatch.core.errors import BudgetSpent, Interrupted, LeaseHeld, Superseded
from maskmatch.pipeline.task_process import ParentWatchdog
from maskmatch.settings.store import reach_from_variables

if TYPE_CHECKING:
    from maskmatch.core.clock import Clock
    from maskmatch.core.planning import Plan, PlanOptions
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.pipeline.plan import OpenBucket
    from maskmatch.pipeline.run import Run

_LONGEST_NAP_SECONDS = 60.0
_SHORTEST_WAIT = timedelta(seconds=30)
_LOOK_AGAIN = timedelta(seconds=5)


def add_run_options(parser: argparse.ArgumentParser, *, nominal_fmr: str = "0.0001") -> None:
    """Add the options of `run`; `nominal_fmr` is what the help says of its default."""
    for add in (
        add_plan_options,
        add_account,
        partial(add_threshold, default=nominal_fmr),
        add_limits,
        add_budgets,
        add_approval_limit,
        add_approve,
        add_deadline,
    ):
        add(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, compare what is missing, publish and report."""
    from maskmatch.pipeline.answered_plan import make_answered_plan

    return run_plan(args, make_answered_plan, nominal_fmr=setting(args, "nominal_fmr"))


def run_plan(
    args: argparse.Namespace,
    make_plan: "Callable[[Run, PlanOptions, OpenBucket], Plan]",
    *,
    nominal_fmr: float | None,
) -> int:
    """Make a plan of a date, compare what it calls, publish and report.

    `nominal_fmr` is that of `PublishOptions`.
    """
    from maskmatch.pipeline.answered_plan import asked, bucket_opener
    from maskmatch.pipeline.calling import coordinator_of
    from maskmatch.pipeline.look_first import look_first
    from maskmatch.pipeline.publish import PublishOptions, lock_in, permits_of, publish
    from maskmatch.pipeline.redrive import redriven_publication
    from maskmatch.pipeline.report import check_failed, published, render
    from maskmatch.storage.tables import outcomes_address

    this, plan_options = run_of(args, source="source"), plan_options_of(args)
    options = replace(
        compare_options_of(args), open_store=source_store, reach=reach_from_variables(os.environ)
    )
    most_missing, most_failed = setting(args, "max_missing_share"), setting(args, "max_failed_share")
    open_bucket = bucket_opener(this, options.open_store, options.reach)
    plan = make_plan(this, asked(plan_options, options), open_bucket)
    _say(str(plan))
    this = replace(this, run_id=f"cli__{plan.plan_id}")
    look_first(this, plan, options, most_missing)
    get_approved(args, this, plan, options)
    signals = _stop_on_signals()
    if plan.pairs:
        _compare(this, plan, options, signals=signals, waits=args.wait)
    try:
        publish(
            this,
            plan,
            PublishOptions(
                nominal_fmr=nominal_fmr,
                allow_empty=args.allow_empty,
                reason="redrive" if plan.is_redrive else "run",
                base=redriven_publication(plan),
                by=ordered_by(),
                time_zone=options.budgets.time_zone,
                permits=permits_of(lambda: coordinator_of(options)),
                lock=lock_in(lambda: coordinator_of(options), waits=this.waits),
            ),
        )
    except Superseded as error:
        if plan.is_redrive:
            raise
        _say(str(error))
    if not plan.rows:
        _say("no pairs tonight; what was published before stays")
    elif (outcomes := published(this)) is not None:
        _say(f"{render(outcomes)}\n\npublished at {outcomes_address(this.warehouse, this.day)}")
        check_failed(outcomes, most_failed)
    return 0


def _compare(
    run: "Run",
    plan: "Plan",
    options: "CompareOptions",
    *,
    signals: "_StopSignals",
    waits: bool,
) -> None:
    """Compare all shards; wait for another run of the date, and for the budget's next window if we may."""
    from maskmatch.pipeline.compare import compare_shards

    while True:
        try:
            with signals.stop() as stop:
                compare_shards(run, plan, plan.to_compare, replace(options, stop=stop))
        except LeaseHeld as held:
            _say(f"{held}: waiting until it has ended, or was not seen for a minute")
            with signals.stop() as stop:
                _wait_until(options.clock.utc() + _LOOK_AGAIN, options.clock, stop)
        except BudgetSpent as spent:
            if spent.until is None or not waits:
                raise
            _say(f"{spent}: waiting")
            with signals.stop() as stop:
                soonest = options.clock.utc() + _SHORTEST_WAIT  # the permit store's clock may be behind ours
                _wait_until(max(spent.until, soonest), options.clock, stop)
        else:
            return


def _wait_until(time: datetime, clock: "Clock", stop: threading.Event) -> None:
    while (left := (time - clock.utc()).total_seconds()) > 0:
        clock.wait(stop, min(left, _LONGEST_NAP_SECONDS))
        if stop.is_set():
            raise Interrupted("stopped while waiting")


class _StopSignals:
    """Remembers that Ctrl-C or SIGTERM has come; whatever can be stopped has an event of its own."""

    def __init__(self) -> None:
        self._has_come = False
        self._watchdog: ParentWatchdog | None = None

    @contextmanager
    def stop(self) -> Iterator[threading.Event]:
        """Yield an event, set if a signal came before."""
        event = threading.Event()
        with ParentWatchdog(event, getppid=None) as self._watchdog:
            if self._has_come:
                event.set()
            yield event

    def receive(self, number: int, _: object) -> None:
        """End the run after the calls in flight; a second signal kills."""
        self._has_come = True
        if self._watchdog:
            self._watchdog.request_stop()
        signal.signal(number, signal.SIG_DFL)


def _stop_on_signals() -> _StopSignals:
    signals = _StopSignals()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signals.receive)
    return signals


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # also into a file or a pipe: what follows may take long
