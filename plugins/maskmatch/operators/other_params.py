"""What a person does when a run needs other Params than it has: where to enter them, in page and command.

Param of the run ----> a new run of the date, or a backfill that overrides it: a clear keeps it
connection ----------> change it there and clear: connections are read anew
"""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from maskmatch.core.errors import ApprovalMissing, BudgetSpent, WrongSetting
from maskmatch.operators.run_params import OVERRIDE, RunParams, in_words, params_of_run
from maskmatch.timetables import DatedCronTimetable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.permits.steps.claims import Budget

_KEEPS = (
    "Clearing keeps the Params of the run, also {now}, and fails again. Do one of these; a new run "
    "counts from zero, and what has an answer is not paid again."
)
_OR_ELSE = (
    "Another {names} does not come by clearing, which keeps the Params of the run, also {now}. It comes so; "
    "what has an answer is not paid again."
)
_TRIGGER = (
    "1. The Dag's page, Trigger, Single Run: enter {entry}, and as Logical Date another minute of {day}."
)
_TRIGGER_ANEW = "1. The Dag's page, Trigger: enter {entry}, and the others as they were."
_BACKFILL = (
    "2. The Dag's page, Trigger, Backfill: from {first} to {last} ({zone}), All Runs, tick '{tick}' and "
    "enter {entry}. Without the tick the run keeps its Params, and fails again."
)
_OTHERS = "Both forms begin with the Dag's defaults. This run has, too: {others}."
_COMMAND = "3. On a command line, the same backfill:"
_NAMES_THE_DATE = {"date", "dates"}
_LETS_PASS = {"allow_empty": True, "on_model_change": "go_on", "image_transfer": "bytes", "recompare": True}
"""Values that let a run pass which was refused for want of them."""


def cure_of_spent_run(context: "Context", *, day: str, account: str, most: "Budget") -> str:
    """Return what to do about a spent budget, one line each.

    :param account: connection of the account
    :param most: what it allows a run
    """
    params = params_of_run(context)
    limits = {"budget_calls": most.calls, "budget_cny": None if most.cny is None else float(most.cny)}
    spent = {name: params.values[name] for name in limits if params.values.get(name) is not None}
    if not spent:
        fields = " or ".join(f"{name}_per_run" for name, limit in limits.items() if limit is not None)
        return f"Raise {fields} of connection {account}, then clear this task (with downstream)."
    larger = {name: _larger(value, limits[name]) for name, value in spent.items()}
    at_most = [name for name, value in spent.items() if larger[name] == value]
    lines = [
        f"First raise {name}_per_run of connection {account}: no run may ask for more." for name in at_most
    ]
    larger |= {name: 2 * spent[name] for name in at_most}
    lines.append(_KEEPS.format(now=in_words(spent)))
    entry = f"a larger {' and '.join(spent)}"
    return "\n".join([*lines, *_ways(context, params, larger, entry=entry, then=larger, day=day)])


def or_other_params(context: "Context", problem: Exception, cure: str, *, day: str) -> str:
    """Return the cure, and where to enter other Params if the message of the problem names some."""
    params = params_of_run(context)
    names = _named(problem, params)
    if not names:
        return cure
    now = {name: params.values[name] for name in names}
    then = {name: _LETS_PASS[name] for name in names if name in _LETS_PASS}
    entry = " or ".join(f"{name} {_shown(then[name])}" if name in then else name for name in names)
    lines = [cure, _OR_ELSE.format(names=" or ".join(names), now=in_words(now))]
    only = then if len(names) == len(then) == 1 else None
    return "\n".join([*lines, *_ways(context, params, now, entry=entry, then=only, day=day)])


def _named(problem: Exception, params: RunParams) -> list[str]:
    """Return the Params that a message names; common words are none."""
    text = str(problem)
    is_elsewhere = isinstance(problem, WrongSetting) and not text.startswith("task ")
    if is_elsewhere or isinstance(problem, (ApprovalMissing, BudgetSpent)):
        return []
    words = re.findall(r"[a-z_]+", text)
    return [name for name in params.values if name in words and ("_" in name or name in _LETS_PASS)]


def _larger(value: Any, limit: Any) -> Any:
    return 2 * value if limit is None else min(2 * value, limit)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _ways(
    context: "Context",
    params: RunParams,
    names: Collection[str],
    *,
    entry: str,
    then: Mapping[str, Any] | None,
    day: str,
) -> list[str]:
    """Return the ways to enter Params; by command, too, where it is known what they are to be."""
    if _NAMES_THE_DATE & params.values.keys():
        return [_TRIGGER_ANEW.format(entry=entry)]
    others = {name: value for name, value in params.entered.items() if name not in names}
    lines = [_TRIGGER.format(entry=entry, day=day)]
    runs: Any = context["dag"].timetable
    minutes = runs.minutes_of(date.fromisoformat(day)) if isinstance(runs, DatedCronTimetable) else None
    if minutes:
        first, last = (f"{each:%Y-%m-%d %H:%M}" for each in minutes)
        lines.append(_BACKFILL.format(entry=entry, first=first, last=last, tick=OVERRIDE, zone=runs.zone))
    if others:
        lines.append(_OTHERS.format(others=in_words(others)))
    if minutes and then:
        lines += _command(context["dag"].dag_id, minutes, {**others, **then})
    return lines


def _command(dag_id: str, minutes: Iterable[datetime], conf: Mapping[str, Any]) -> list[str]:
    dates = [each.isoformat(timespec="minutes") for each in minutes]
    return [
        _COMMAND,
        f"airflow backfill create --dag-id {dag_id} --reprocess-behavior completed \\",
        f"  --from-date {dates[0]} --to-date {dates[1]} \\",
        f"  --dag-run-conf {shlex.quote(json.dumps(conf))}",
    ]
