"""What was spent in a month, as four books tell it: permit store, journals, local service's meter, bill.

Permits are an upper bound: what a kill cut off before the journal had it keeps its permit. Of journals the
calls of the account count, on the day on which each is billed.
"""

import calendar
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.pricing import MICRO, TierCalls, calls_by_tier, price_of_call
from maskmatch.permits.steps.snapshot import WindowNow
from maskmatch.storage.bills import Billed
from maskmatch.storage.fetching import fetched
from maskmatch.storage.object_stores import Store

_COLUMNS = ["account", "billed_on", "billed"]
Calls = Counter[tuple[str, date, str]]
"""Calls by account, by the day on which they are billed, and yes or perhaps."""


@dataclass(frozen=True, slots=True)
class DayBooks:
    """What the books say of one day; None where a book has nothing of it."""

    day: date
    permits: int | None
    billed: int
    maybe_billed: int
    bill: Billed | None

    @property
    def without_record(self) -> int | None:
        """Return the permits that no journal explains."""
        return None if self.permits is None else self.permits - self.billed - self.maybe_billed


@dataclass(frozen=True, slots=True)
class MonthBooks:
    """The days of a month of which a book tells; `meter` is what a local service has billed in all.

    The journals also have calls of `other_accounts`, and the bill days of other months: neither counts here.
    """

    days: tuple[DayBooks, ...]
    permits: int | None
    meter: int | None
    other_accounts: tuple[str, ...]
    other_days: tuple[date, ...]

    @property
    def billed(self) -> int:
        """Return the calls that are charged for sure."""
        return sum(each.billed for each in self.days)

    @property
    def maybe_billed(self) -> int:
        """Return the calls that may have been charged."""
        return sum(each.maybe_billed for each in self.days)

    @property
    def without_record(self) -> int | None:
        """Return the permits that no journal explains."""
        return None if self.permits is None else self.permits - self.billed - self.maybe_billed

    @property
    def tiers(self) -> tuple[TierCalls, ...]:
        """Return the calls by the tier in which each was made."""
        return calls_by_tier(self.billed, month_calls=0)

    @property
    def cost(self) -> Decimal:
        """Return what the month costs in CNY: the tier that it has reached holds for all its calls."""
        return self.billed * Decimal(price_of_call(self.billed)) / MICRO

    @property
    def bill(self) -> Billed:
        """Return the sums of the bill."""
        bills = [each.bill for each in self.days if each.bill]
        calls = [each.calls for each in bills if each.calls is not None]
        costs = [each.cost for each in bills if each.cost is not None]
        return Billed(sum(calls) if calls else None, sum(costs, Decimal(0)) if costs else None)


def reconcile(
    month: date,
    *,
    account: str,
    calls: Calls,
    windows: Iterable[WindowNow],
    bill: Mapping[date, Billed],
    meter: int | None = None,
) -> MonthBooks:
    """Put the books of an account in a month, named by its first day, side by side."""
    permits = {(each.kind, each.name): each.calls for each in windows}
    days = []
    for number in range(1, calendar.monthrange(month.year, month.month)[1] + 1):
        day = month.replace(day=number)
        billed, perhaps = (calls[account, day, word] for word in ("yes", "perhaps"))
        books = DayBooks(day, permits.get(("day", f"{day}")), billed, perhaps, bill.get(day))
        if books.permits is not None or books.billed or books.maybe_billed or books.bill:
            days.append(books)
    return MonthBooks(
        days=tuple(days),
        permits=permits.get(("month", f"{month:%Y-%m}")),
        meter=meter,
        other_accounts=tuple(sorted({name for name, _, _ in calls} - {account})),
        other_days=tuple(sorted(day for day in bill if day.replace(day=1) != month)),
    )


def billed_calls(warehouse: Store, month: date) -> Calls:
    """Return the calls that are billed in a month, or may be, of all dates of `attempts`."""
    found: Calls = Counter()
    for table in warehouse.list("attempts/current/"):
        with fetched(warehouse, table.key) as path:
            for batch in pq.ParquetFile(path).iter_batches(columns=_COLUMNS):
                found.update(_counts(pa.Table.from_batches([batch]), month))
    return found


def _counts(table: pa.Table, month: date) -> Calls:
    last = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    is_there = pc.and_(pc.greater_equal(table["billed_on"], month), pc.less_equal(table["billed_on"], last))
    groups = table.filter(is_there).group_by(_COLUMNS).aggregate([([], "count_all")])
    return Counter(
        {(row["account"], row["billed_on"], row["billed"]): row["count_all"] for row in groups.to_pylist()}
    )
