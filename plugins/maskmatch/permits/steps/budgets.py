"""Budgets: what was spent in each window, counted when granted, so never too late.

A window is a run, or a day or a month in the time zone of the account: `run:ID`, `day:2026-11-22`,
`month:2026-11`. Calls that turn out not to be billed are given back. Those from just before midnight would be
given back to the wrong day: in the first minutes of a window nothing is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from maskmatch.core.pricing import MICRO, price_of_call
from maskmatch.permits.steps.claims import Budget, Budgets, Claim

_SETTLED_SECONDS = 300.0


class Window(msgspec.Struct, frozen=True):
    """What was spent in one window, and the limits that a claim last named; times: seconds since 1970."""

    calls: int = 0
    micro_cny: int = 0
    most_calls: int | None = None
    most_micro_cny: int | None = None
    ends: float | None = None
    seen: float = 0.0

    @property
    def has_limit(self) -> bool:
        """Return True if a claim has named a limit."""
        return self.most_calls is not None or self.most_micro_cny is not None


@dataclass(frozen=True, slots=True)
class Span:
    """A window by its name, with what a claim allows for it, its start and its end if it has any."""

    kind: str
    name: str
    budget: Budget
    start: datetime | None = None
    end: datetime | None = None

    @property
    def key(self) -> str:
        """Return the name under which the window is kept."""
        return f"{self.kind}:{self.name}"


Spans = tuple[Span, Span, Span]
"""Run, day and month."""


def spans(claim: Claim, utc: datetime) -> Spans:
    """Return the windows that a claim falls into now."""
    return _spans_on(claim.run_id, claim.budgets, utc.astimezone(ZoneInfo(claim.budgets.time_zone)).date())


@lru_cache(16)
def _spans_on(run_id: str, budgets: Budgets, today: date) -> Spans:
    zone = ZoneInfo(budgets.time_zone)
    first, next_first = today.replace(day=1), (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    day = [
        datetime.combine(each, time(), zone).astimezone(UTC) for each in (today, today + timedelta(days=1))
    ]
    month = [datetime.combine(each, time(), zone).astimezone(UTC) for each in (first, next_first)]
    return (
        Span("run", run_id, budgets.run),
        Span("day", f"{today}", budgets.day, *day),
        Span("month", f"{today:%Y-%m}", budgets.month, *month),
    )


def affordable(windows: Mapping[str, Window], among: Spans, calls: int) -> tuple[int, Span | None]:
    """Return how many of some calls fit into all budgets, or none and the budget that is spent."""
    spent = None
    for span in among:
        left = _calls_left(windows, span)
        if left is not None and left < calls:
            calls, spent = left, span
    month_calls = _month_calls(windows, among)
    while calls:
        dear = next((span for span in among if not _is_paid(windows, span, calls, month_calls)), None)
        if dear is None:
            return calls, None
        calls, spent = calls - 1, dear
    return 0, spent


def _calls_left(windows: Mapping[str, Window], span: Span) -> int | None:
    most = span.budget.calls
    return None if most is None else max(0, most - windows.get(span.key, Window()).calls)


def _is_paid(windows: Mapping[str, Window], span: Span, calls: int, month_calls: int) -> bool:
    most = span.budget.cny
    return most is None or _spent(windows.get(span.key, Window()), span, calls, month_calls) <= most * MICRO


def _month_calls(windows: Mapping[str, Window], among: Spans) -> int:
    return windows.get(among[-1].key, Window()).calls


def _spent(window: Window, span: Span, calls: int, month_calls: int) -> int:
    """Return what a window has spent after so many calls more, or less.

    When a tier is reached the month becomes cheaper as a whole; a run and a day keep what they have spent.
    """
    if span.kind == "month":
        return max(0, window.calls + calls) * price_of_call(window.calls + calls)
    return max(0, window.micro_cny + calls * price_of_call(max(month_calls, month_calls + calls)))


def charge(windows: Mapping[str, Window], among: Spans, calls: int, utc: datetime) -> dict[str, Window]:
    """Return the windows with so many calls more in each of some."""
    return _changed(windows, among, calls, _month_calls(windows, among), utc)


def give_back(windows: Mapping[str, Window], claim: Claim, calls: int, utc: datetime) -> dict[str, Window]:
    """Return the windows after some granted calls turned out not to be billed or not made."""
    among = spans(claim, utc)
    settled = (
        span for span in among if not span.start or (utc - span.start).total_seconds() > _SETTLED_SECONDS
    )
    return _changed(windows, settled, -calls, _month_calls(windows, among), utc)


def count_at_least(
    windows: Mapping[str, Window], among: Spans, kind: str, calls: int, utc: datetime
) -> dict[str, Window]:
    """Return the windows with at least so many calls in that of a kind; calls of a day are also the month's.

    A store that was restored has forgotten calls; one that has counted as many or more stays as it is.
    """
    run, day, month = among
    span = {"run": run, "day": day, "month": month}[kind]
    more = calls - windows.get(span.key, Window()).calls
    if more <= 0:
        return dict(windows)
    month_calls = _month_calls(windows, among)
    return {**windows} | {
        each.key: _with_more(windows.get(each.key, Window()), each, more, month_calls, utc)
        for each in ((day, month) if kind == "day" else (span,))
    }


def _with_more(window: Window, span: Span, more: int, month_calls: int, utc: datetime) -> Window:
    """Return a window with more calls and the limits that were named for it."""
    return replace(
        window,
        calls=window.calls + more,
        micro_cny=_spent(window, span, more, month_calls),
        ends=span.end.timestamp() if span.end else None,
        seen=utc.timestamp(),
    )


def _changed(
    windows: Mapping[str, Window], among: Iterable[Span], calls: int, month_calls: int, utc: datetime
) -> dict[str, Window]:
    changed = dict(windows)
    for span in among:
        window = changed.get(span.key, Window())
        changed[span.key] = Window(
            calls=max(0, window.calls + calls),
            micro_cny=_spent(window, span, calls, month_calls),
            most_calls=span.budget.calls,
            most_micro_cny=None if span.budget.cny is None else int(span.budget.cny * MICRO),
            ends=span.end.timestamp() if span.end else None,
            seen=utc.timestamp(),
        )
    return changed
