"""The asset of published outcomes, and what its events tell: Dags that begin when a date was published.

    schedule=[outcomes_asset("s3://faces/warehouse")]

Decision: docs/adr/0033-what-a-run-tells.md
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from maskmatch.pipeline.run import Run

COUNTS = ("scored", "failed", "skipped", "billed_calls", "maybe_billed_calls")
"""What a task that publishes tells of its row in the table of runs."""
DATE = "date"
"""What an event has in its extra to say which date it is about, such as 2026-11-22."""
STARTED = "maskmatch_started"
"""Key of the state of an asset: the moment of the newest event whose date was started."""


def outcomes_asset(warehouse: str) -> Asset:
    """Return the asset of the outcomes in a warehouse, by its address."""
    return Asset(name=f"{warehouse}/outcomes", uri=f"{warehouse}/outcomes/current")


def publication_facts(run: "Run", row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the event of a publication tells, as JSON values, of its row in the table of runs."""
    from maskmatch.storage.tables import outcomes_address

    return {
        DATE: run.day.isoformat(),
        "publication": row["publication"],
        "reason": row["reason"],
        "table": outcomes_address(run.warehouse, run.day),
        "rows": row["manifest_rows"],
        **{name: row[name] for name in COUNTS},
        "cost_cny": str(row["cost"]),
    }


def announce(task: "BaseOperator", context: "Context", facts: Mapping[str, Any]) -> None:
    """Let the events of a task's outlets tell some facts."""
    events: Any = context.get("outlet_events")
    for outlet in task.outlets:
        if isinstance(outlet, Asset) and events is not None:
            events[outlet].extra.update(facts)


def announced(task: "BaseOperator", context: "Context", run: "Run", row: Mapping[str, Any]) -> dict[str, int]:
    """Let the events of a task tell of a publication; return its rows by table."""
    announce(task, context, publication_facts(run, row))
    return {"outcomes": row["manifest_rows"]}


def dates_of(extras: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what events name as their dates, each once; '' of those that name none."""
    return sorted({str(extra.get(DATE) or "").strip() for extra in extras})


def events_to_start(
    told: Sequence[Any], inlet_events: Mapping[Asset, Any], state: Mapping[Asset, Any]
) -> list[Any]:
    """Return the events of assets for which no dates were started yet; those of the run if there are none.

    Airflow 3.3 tells a run of the events until the first that was waiting; one that comes between that and
    the making of the run wakes nobody. So all are looked at that came since the newest that was started.

    :param told: the events that have started this run
    """
    newer = []
    for asset, events in inlet_events.items():
        mark = state[asset].get(STARTED)
        first = min((each.timestamp for each in told), default=datetime.now(UTC))
        since = datetime.fromisoformat(mark) if mark else first
        newer += [each for each in events.after(since.isoformat()) if each.timestamp > since or not mark]
    return newer or list(told)


def note_started(events: Iterable[Any], state: Mapping[Asset, Any], assets: Iterable[Asset]) -> None:
    """Keep which events were the newest whose dates are started."""
    newest = max((each.timestamp for each in events), default=None)
    if newest is None:
        return
    for asset in assets:
        state[asset].set(STARTED, newest.isoformat())
