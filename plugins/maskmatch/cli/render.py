"""What the command line shows of an account's permit store and of a date, as tables and bars."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs
from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from maskmatch.permits.steps.orders import Order
from maskmatch.permits.steps.snapshot import Snapshot, WindowNow
from maskmatch.permits.steps.state import ALL_RUNS
from maskmatch.pipeline.status import RunStatus, ShardStatus

_BAR_WIDTH = 30


def quota_view(now: Snapshot, where: str, *, at: datetime) -> RenderableType:
    """Return where that is, rate, orders, users, priorities and the budgets that count at a time."""
    head = (
        f"{now.effective:.1f} calls/s granted in the last 10 s, of {now.calls_per_second:g} allowed; "
        f"margin learnt {100 * now.margin:.1f} %"
    )
    users = (
        (
            user.who,
            user.priority,
            user.run_id,
            f"{user.calls_per_second:.1f}",
            f"{user.seen_seconds_ago:.0f} s ago",
        )
        for user in now.users
    )
    priorities = (
        (
            each.priority,
            f"{100 * each.floor:g} %",
            f"{each.calls_per_second:.1f}",
            "yes" if each.asks else "no",
        )
        for each in now.priorities
    )
    budgets = (_budget_row(window) for window in _current(now, at))
    return Group(
        Text(where, style="" if now.is_known else "yellow"),
        Text(head, style="bold"),
        *_orders(now),
        table_of(("user (host:process)", "priority", "run", "calls/s>", "last seen>"), users),
        table_of(("priority", "floor>", "calls/s>", "asks now"), priorities),
        table_of(("budget", "of", "calls>", "most>", "CNY>", "most CNY>", "until (UTC)"), budgets),
    )


def quota_record(now: Snapshot) -> dict[str, Any]:
    """Return all of it as JSON values; money as text, times in ISO 8601."""
    record: dict[str, Any] = asdict(now)
    for window in record["windows"]:
        window["cny"] = str(window["cny"])
        window["most_cny"] = None if window["most_cny"] is None else str(window["most_cny"])
        window["ends"] = window["ends"] and window["ends"].isoformat()
    return record


def orders_view(orders: Iterable[Order]) -> RenderableType:
    """Return orders that were given, in their order."""
    rows = (
        (f"{each.at:%Y-%m-%d %H:%M:%S}", each.by, each.what, _all_or(each.whom), _amount(each))
        for each in orders
    )
    return table_of(("at (UTC)", "by", "order", "run, priority or budget", "floor or calls>"), rows)


def orders_record(orders: Iterable[Order]) -> dict[str, Any]:
    """Return the same as JSON values."""
    return {"orders": [{**structs.asdict(each), "at": each.at.isoformat()} for each in orders]}


def _amount(order: Order) -> str:
    if order.calls is not None:
        return f"{order.calls:,}"
    return "" if order.share is None else f"{100 * order.share:g} %"


def _all_or(name: str) -> str:
    return "all runs" if name == ALL_RUNS else name


def _orders(now: Snapshot) -> Iterable[RenderableType]:
    """Yield a line for each order that stands."""
    for word, names in (("paused", now.paused), ("drained", now.drained)):
        if names:
            whom = ", ".join(map(_all_or, names))
            yield Text(f"{word}: {whom} (maskmatch resume takes it back)", style="yellow")
    if now.slowed_hosts:
        yield Text(
            f"slowed down, for the vendor refused calls from their address: {', '.join(now.slowed_hosts)}",
            style="yellow",
        )


def _current(now: Snapshot, at: datetime) -> list[WindowNow]:
    """Return the day and month of a time, and the runs that were at work lately."""
    runs = {user.run_id for user in now.users} | {*now.paused, *now.drained}
    return [
        window
        for window in now.windows
        if (window.name in runs if window.kind == "run" else window.ends is not None and window.ends > at)
    ]


def _budget_row(window: WindowNow) -> tuple[str, ...]:
    return (
        window.kind,
        window.name,
        f"{window.calls:,}",
        "" if window.most_calls is None else f"{window.most_calls:,}",
        f"{window.cny:,.2f}",
        "" if window.most_cny is None else f"{window.most_cny:,.2f}",
        f"{window.ends:%Y-%m-%d %H:%M}" if window.ends else "",
    )


def status_view(
    status: RunStatus, *, calls_per_second: float | None = None, spent: Decimal | None = None
) -> RenderableType:
    """Return a bar for each shard and one for all, with the time left at a rate if one is known."""
    plan = status.plan
    head = f"plan {plan.plan_id} of {plan.day}: {plan.rows:,} rows, {plan.bad_rows:,} bad"
    table = Table.grid(padding=(0, 1))
    for shard in status.shards:
        name = shard.key.rpartition("/")[2].removesuffix(".parquet")
        table.add_row(name, _bar(shard.done, shard.pairs), _counts(shard))
    if len(status.shards) > 1:
        total = f"{status.done:,} of {status.pairs:,} done"
        table.add_row("all", _bar(status.done, status.pairs), total)
    published = f"published: {status.published or 'nothing yet'}"
    return Group(Text(head, style="bold"), table, *_pace(status, calls_per_second, spent), Text(published))


def _bar(done: int, total: int) -> RenderableType:
    return ProgressBar(total=max(1, total), completed=done if total else 1, width=_BAR_WIDTH)


def _counts(shard: ShardStatus) -> str:
    again = f", {shard.again:,} to be called again" if shard.again else ""
    return f"{shard.done:,} of {shard.pairs:,} done, {shard.scored:,} scored, {shard.failed:,} failed{again}"


def _pace(status: RunStatus, calls_per_second: float | None, spent: Decimal | None) -> Iterable[Text]:
    parts = []
    left = status.pairs - status.done
    if calls_per_second is not None:
        parts.append(f"{calls_per_second:.1f} calls/s")
        if left and calls_per_second >= 0.05:
            parts.append(f"time left {timedelta(seconds=round(left / calls_per_second))}")
        elif left:
            parts.append("time left unknown: nothing is called now")
    if spent is not None:
        parts.append(f"CNY {spent:,.2f} spent or reserved by these runs")
    if parts:
        yield Text(", ".join(parts))


def table_of(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table; a heading that ends with > is that of a column of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(heading.removesuffix(">"), justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*map(Text, row))  # a name in brackets is no markup
    return table
