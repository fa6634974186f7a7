"""What a person does when a run has spent its own budget: where to enter a larger one, in page and command.

Param of the run ----> a new run of the date, or a backfill that overrides it: a clear keeps it
connection ----------> raise it there and clear: connections are read anew
"""

import json
import shlex
from datetime import date
from typing import TYPE_CHECKING, Any

from maskmatch.operators.run_params import OVERRIDE, RunParams, in_words, params_of_run
from maskmatch.timetables import DatedCronTimetable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from maskmatch.permits.steps.claims import Budget

_KEEPS = (
    "Clearing keeps the Params of the run, also {spent}, and fails again. Do one of these; what has an "
    "answer is not paid again."
)
_TRIGGER = (
    "1. The Dag's page, Trigger, Single Run: enter a larger {names}, and as Logical Date another minute of "
    "{day}. That run counts from zero."
)
_BACKFILL = (
    "2. The Dag's page, Trigger, Backfill: from {first} to {last} ({zone}), All Runs, tick '{tick}' and "
    "enter a {names} above what is spent. Without the tick the run keeps its Params, and fails again."
)
_OTHERS = "Both forms begin with the Dag's defaults. This run has, too: {others}."
_COMMAND = "3. On a command line, the same backfill:"


def cure_of_spent_run(context: "Context", *, day: str, account: str, most: "Budget") -> str:
    """Return what to do, one line each.

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
    return "\n".join(
        [*lines, *_ways(context, params, spent=spent, larger=larger, day=date.fromisoformat(day))]
    )


def _larger(value: Any, limit: Any) -> Any:
    return 2 * value if limit is None else min(2 * value, limit)


def _ways(
    context: "Context", params: RunParams, *, spent: dict[str, Any], larger: dict[str, Any], day: date
) -> list[str]:
    names = " and ".join(spent)
    others = {name: value for name, value in params.entered.items() if name not in spent}
    lines = [_KEEPS.format(spent=in_words(spent)), _TRIGGER.format(names=names, day=day)]
    timetable: Any = context["dag"].timetable
    if not isinstance(timetable, DatedCronTimetable):
        return [*lines, _OTHERS.format(others=in_words(others))] if others else lines
    first, last = timetable.minutes_of(day)
    tick = {"names": names, "tick": OVERRIDE, "zone": timetable.zone}
    lines.append(_BACKFILL.format(first=f"{first:%Y-%m-%d %H:%M}", last=f"{last:%Y-%m-%d %H:%M}", **tick))
    if others:
        lines.append(_OTHERS.format(others=in_words(others)))
    dates = [each.isoformat(timespec="minutes") for each in (first, last)]
    return [
        *lines,
        _COMMAND,
        f"airflow backfill create --dag-id {context['dag'].dag_id} --reprocess-behavior completed \\",
        f"  --from-date {dates[0]} --to-date {dates[1]} \\",
        f"  --dag-run-conf {shlex.quote(json.dumps(others | larger))}",
    ]
