"""Forecast a plan: ask permit store and source for what it takes, and keep the result beside the plan."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from maskmatch.core.errors import MaskmatchError, ObjectMissing
from maskmatch.core.forecast import Deadline, Forecast, Rate, Surroundings, Unknown, forecast
from maskmatch.core.forecast_record import to_record
from maskmatch.core.planning import Plan
from maskmatch.core.rate_by_hour import EVEN, RateByHour
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import Budgets, Priority
from maskmatch.permits.steps.expected import expected_rate
from maskmatch.permits.steps.snapshot import Snapshot, WindowNow
from maskmatch.pipeline.budget_left import calls_left, within
from maskmatch.pipeline.calling import coordinator_of
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.earlier_calls import newest_earlier
from maskmatch.pipeline.image_sample import bytes_per_call
from maskmatch.pipeline.look_first import pairs_in_order
from maskmatch.pipeline.plan_facts import counts_of
from maskmatch.pipeline.plan_page import plan_page
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer

_SAMPLE = 100
"""Pairs whose images are asked for their size: enough for the size of a night in one figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastOptions:
    """For whom a plan is forecast; in place of the way to a coordinator may stand why there is none."""

    open_coordinator: Callable[[], PermitCoordinator] | Unknown
    priority: Priority
    budgets: Budgets = field(default_factory=Budgets)
    transfer: Transfer = Transfer.BYTES
    deadline: Deadline = field(default_factory=Deadline)
    calls_per_second: float | None = None
    rate_by_hour: RateByHour = EVEN


def forecast_options(compare: CompareOptions, deadline: Deadline) -> ForecastOptions:
    """Return for whom a plan is forecast that will be compared in this way."""
    return ForecastOptions(
        open_coordinator=partial(coordinator_of, compare),
        priority=compare.priority,
        budgets=compare.budgets,
        transfer=compare.transfer,
        deadline=deadline,
        calls_per_second=compare.account.calls_per_second,
        rate_by_hour=compare.account.rate_by_hour,
    )


def forecast_plan(run: Run, plan: Plan, options: ForecastOptions) -> Forecast:
    """Return the forecast of a plan, and write it beside the plan: `plan.html`, and `forecast.json`."""
    now = datetime.now(UTC)
    this = forecast(
        counts_of(run, plan),
        surroundings(run, plan, options, now),
        days=(plan.day,),
        digest=plan.digest,
        now=now,
    )
    warehouse = run.patient_warehouse()
    warehouse.put(f"{plan.folder}/forecast.json", json.dumps(to_record(this), indent=2).encode())
    warehouse.put(f"{plan.folder}/plan.html", plan_page(this).encode())
    return this


def read_forecast(run: Run, folder: str) -> dict[str, Any] | None:
    """Return the forecast beside a plan as it was written, None when there is none."""
    try:
        record: dict[str, Any] = json.loads(run.patient_warehouse().get(f"{folder}/forecast.json"))
    except ObjectMissing:
        return None
    return record


def surroundings(run: Run, plan: Plan, options: ForecastOptions, now: datetime) -> Surroundings:
    """Return what a forecast reckons with beside the plan: the account as it is now, and sizes of images."""
    account = _snapshot(options.open_coordinator)
    sent, sampled = _bytes_per_call(run, plan, options.transfer)
    left, budget = _tightest(account, options.budgets, run.run_id, now)
    return Surroundings(
        month_calls=account if isinstance(account, Unknown) else account.current("month", now).calls,
        rate=_rate(account, options.priority, run.run_id),
        bytes_per_call=sent,
        sampled_pairs=sampled,
        sends_images=options.transfer is Transfer.BYTES,
        calls_left=left,
        budget=budget,
        deadline=options.deadline,
        calls_per_second=options.calls_per_second,
        rate_by_hour=options.rate_by_hour,
        earlier=newest_earlier(run),
    )


def _snapshot(open_coordinator: Callable[[], PermitCoordinator] | Unknown) -> Snapshot | Unknown:
    if isinstance(open_coordinator, Unknown):
        return open_coordinator
    try:
        with closing(open_coordinator()) as coordinator:
            return coordinator.snapshot()
    except MaskmatchError as error:
        return Unknown(str(error))


def _rate(account: Snapshot | Unknown, priority: Priority, run_id: str) -> Rate | Unknown:
    if isinstance(account, Unknown):
        return account
    if not account.calls_per_second:
        return Unknown("no calls are allowed at this hour")
    found = expected_rate(account, priority, run_id=run_id)
    return found if found.beside > 0 else Unknown("others who use the account now leave nothing of its rate")


def _bytes_per_call(run: Run, plan: Plan, transfer: Transfer) -> tuple[float | Unknown, int]:
    if transfer is Transfer.URL or not plan.pairs:
        return 0.0, 0
    return bytes_per_call(run.source, islice(pairs_in_order(run, plan), _SAMPLE))


def _tightest(
    account: Snapshot | Unknown, budgets: Budgets, run_id: str, now: datetime
) -> tuple[int | None, str]:
    """Return the fewest calls that a budget still allows, and of what it is; None where there is none."""
    limits = {"run": budgets.run, "day": budgets.day, "month": budgets.month}
    found = [
        (left, kind)
        for kind, budget in limits.items()
        if (left := calls_left(within(budget, _window(account, kind, run_id, now)))) is not None
    ]
    return min(found, default=(None, ""))


def _window(account: Snapshot | Unknown, kind: str, run_id: str, now: datetime) -> WindowNow:
    if isinstance(account, Unknown):
        return WindowNow(kind=kind)
    return account.of_run(run_id) or WindowNow(kind=kind) if kind == "run" else account.current(kind, now)
