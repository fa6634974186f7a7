"""What billed calls cost: by the month, in CNY.

The price of the tier that a month reached holds for all its calls, and a month begins at midnight in
Beijing. Prices: https://cloud.tencent.com/document/product/867/17640
"""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

TIERS = (
    (3_000_000, Decimal("0.0032")),
    (15_000_000, Decimal("0.0030")),
)
"""Calls a month up to which a price per call holds."""
LOWEST_PRICE = Decimal("0.0027")
BEIJING = timezone(timedelta(hours=8))


def price_of(calls: int) -> Decimal:
    """Return the price of each call of a month that has so many."""
    return next((price for most, price in TIERS if calls <= most), LOWEST_PRICE)


def month_of(at: float) -> str:
    """Return the month, such as 2026-01, in which a call at a Unix time is billed."""
    return datetime.fromtimestamp(at, UTC).astimezone(BEIJING).strftime("%Y-%m")


class Bill:
    """One account's billed calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._by_month: Counter[str] = Counter()
        self._hour = -1
        self._month = ""

    def add(self, at: float) -> None:
        """Bill a call accepted at a Unix time."""
        if int(at) // 3600 != self._hour:
            # A month never ends within an hour.
            self._hour, self._month = int(at) // 3600, month_of(at)
        self.calls += 1
        self._by_month[self._month] += 1

    def cost(self, free_calls_per_month: int = 0) -> Decimal:
        """Return what all months cost together, in CNY."""
        return sum((_cost(calls - free_calls_per_month) for calls in self._by_month.values()), Decimal(0))


def _cost(calls: int) -> Decimal:
    return calls * price_of(calls) if calls > 0 else Decimal(0)
