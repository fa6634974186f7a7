"""What a call costs, and what many do.

Post-paid, by the calls of a calendar month; the tier that is reached applies to all calls of the month.
Source: https://cloud.tencent.com/document/product/867/17640
"""

import math
from dataclasses import dataclass
from decimal import Decimal

MICRO = 1_000_000
TIERS = ((3_000_000, 3200), (15_000_000, 3000))
"""Calls of a month at most, and what each of them costs then, in micro-CNY."""
LOWEST_PRICE = 2700
"""Micro-CNY for each call of a month that has more than the last tier."""
PRICE_PER_CALL = Decimal(TIERS[0][1]) / MICRO
"""CNY for a call of the first tier: what a table counts with, and the most that a call can cost."""
DAY_PACKAGES = ((10, 18), (50, 16), (100, 12))
"""Calls a second at most, and what each of them costs for a day, in CNY; calls are free then.

List prices of the vendor's documents of 2021-23: the console says what holds today.
"""
LOWEST_DAY_PRICE = 10
"""CNY a day for each call a second of a package that is larger than the last."""


@dataclass(frozen=True, slots=True)
class TierCalls:
    """Some calls of a month that are made while one price holds, in CNY for a call."""

    calls: int
    price: Decimal

    @property
    def cost(self) -> Decimal:
        """Return what they cost, in CNY."""
        return self.calls * self.price


def price_of_call(month_calls: int) -> int:
    """Return what each call costs in a month of so many calls, in micro-CNY."""
    return next((price for most, price in TIERS if month_calls <= most), LOWEST_PRICE)


def price_of(calls: int) -> Decimal:
    """Return what some calls cost in the first tier, in CNY."""
    return PRICE_PER_CALL * calls


def calls_by_tier(calls: int, *, month_calls: int) -> tuple[TierCalls, ...]:
    """Return further calls of a month that had so many before, by the tier in which each is made.

    As the permit store counts. When a tier is reached the bill of the whole month becomes lower than that.
    """
    found, made = [], month_calls
    for most, price in (*TIERS, (math.inf, LOWEST_PRICE)):
        here = int(min(calls, max(0, most - made)))
        if here:
            found.append(TierCalls(here, Decimal(price) / MICRO))
        calls, made = calls - here, made + here
    return tuple(found)


def day_package_cost(calls_per_second: float, *, days: int) -> Decimal:
    """Return what so many calls a second cost for some days, in CNY, however many calls are made."""
    price = next((cny for most, cny in DAY_PACKAGES if calls_per_second <= most), LOWEST_DAY_PRICE)
    return Decimal(math.ceil(calls_per_second) * price * days)
