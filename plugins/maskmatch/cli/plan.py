"""The command that plans dates and forecasts them; it makes but the opening call, which is free."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from maskmatch.cli.account_options import account_settings_of, add_account, compare_options_of
from maskmatch.cli.options import (
    add_deadline,
    add_plan_options,
    day_of,
    deadline_of,
    plan_options_of,
    run_of,
    setting,
    source_store,
)
from maskmatch.core.errors import InputError, StopRun, Unavailable, WrongSetting
from maskmatch.settings.sources import in_variable
from maskmatch.settings.store import reach_from_variables

if TYPE_CHECKING:
    from maskmatch.core.forecast import Forecast
    from maskmatch.core.planning import PlanOptions
    from maskmatch.pipeline.forecast import ForecastOptions
    from maskmatch.pipeline.run import Run

log = logging.getLogger(__name__)

_NAMES_ACCOUNT = ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_ACCOUNT_ID")


def add_forecast_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `plan`."""
    add_plan_options(parser)
    parser.add_argument(
        "--to-date",
        type=day_of,
        metavar="DATE",
        help="plan every date from --date to this one, both included, and show the total",
    )
    for add in (add_account, add_deadline):
        add(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def plan(args: argparse.Namespace) -> int:
    """Write a plan for each date and show what it will cost; 1 when a date has none."""
    from maskmatch.cli.render_forecast import forecast_view, forecasts_view
    from maskmatch.cli.terminal import show
    from maskmatch.core.forecast import together
    from maskmatch.core.forecast_record import to_record

    run, choices, options = run_of(args, source="source"), _asked(args), _forecast_options(args)
    if args.to_date is None:
        found = _forecast(run, choices, options)
        if args.json:
            _write(to_record(found))
        else:
            show(forecast_view(found))
        return 0
    days = _days(args.date, args.to_date)
    forecasts, failed = _forecasts([replace(run, day=day) for day in days], choices, options)
    total = together(forecasts) if forecasts else None
    if args.json:
        record = {"dates": [to_record(each) for each in forecasts], "total": total and to_record(total)}
        _write(record | {"without_plan": {str(day): why for day, why in failed.items()}})
    else:
        show(forecasts_view(forecasts, total, failed))
    return 1 if failed else 0


def _forecasts(
    runs: "Iterable[Run]", choices: "PlanOptions", options: "ForecastOptions"
) -> "tuple[list[Forecast], dict[date, str]]":
    """Return a forecast for each date, and why a date has none."""
    forecasts, failed = [], {}
    for run in runs:
        try:
            forecasts.append(_forecast(run, choices, options))
        except InputError as error:
            failed[run.day] = str(error)
    return forecasts, failed


def _forecast(run: "Run", choices: "PlanOptions", options: "ForecastOptions") -> "Forecast":
    from maskmatch.pipeline.answered_plan import bucket_opener, make_answered_plan
    from maskmatch.pipeline.forecast import forecast_plan

    open_bucket = bucket_opener(run, source_store, reach_from_variables(os.environ))
    plan = make_answered_plan(run, choices, open_bucket)
    log.info("%s", plan)
    return forecast_plan(replace(run, run_id=f"cli__{plan.plan_id}"), plan, options)


def _asked(args: argparse.Namespace) -> "PlanOptions":
    """Return the choices of a plan, with who answers where an account can be asked."""
    from maskmatch.pipeline.answered_plan import asked

    choices = plan_options_of(args)
    try:
        return asked(choices, compare_options_of(args, pays=False))
    except (WrongSetting, StopRun, Unavailable) as error:
        log.warning("what was answered before is not taken over, for no account can be asked: %s", error)
        return choices


def _days(first: date, last: date) -> Iterator[date]:
    if last < first:
        raise InputError(f"--to-date {last} is before --date {first}")
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _forecast_options(args: argparse.Namespace) -> "ForecastOptions":
    """Return for whom to forecast; without an account its part is unknown."""
    from maskmatch.core.forecast import Unknown
    from maskmatch.pipeline.forecast import ForecastOptions
    from maskmatch.storage.images import Transfer

    transfer, deadline = Transfer(setting(args, "image_transfer")), deadline_of(args)
    if not args.connection and not any(map(in_variable, _NAMES_ACCOUNT)):
        why = f"no account is named: set {_NAMES_ACCOUNT[0]}, or give --connection"
        return ForecastOptions(
            open_coordinator=Unknown(why), priority=args.priority, transfer=transfer, deadline=deadline
        )
    settings = account_settings_of(args, needs_key=False)
    return ForecastOptions(
        open_coordinator=settings.open_coordinator,
        priority=args.priority,
        budgets=settings.budgets,
        transfer=transfer,
        deadline=deadline,
        calls_per_second=settings.account.calls_per_second,
        rate_by_hour=settings.account.rate_by_hour,
    )


def _write(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record, ensure_ascii=False, indent=2) + "\n")
