"""What a call costs, and what many do.

Post-paid, by the calls of a calendar month; the tier that is reached applies to all calls of the month.
Source: https://cloud.tencent.com/document/product/867/17640
"""

from decimal import Decimal

MICRO = 1_000_000
TIERS = ((3_000_000, 3200), (15_000_000, 3000))
"""Calls of a month at most, and what each of them costs then, in micro-CNY."""
LOWEST_PRICE = 2700
"""Micro-CNY for each call of a month that has more than the last tier."""
PRICE_PER_CALL = Decimal(TIERS[0][1]) / MICRO
"""CNY for a call of the first tier, which is what a table and a forecast count with."""


def price_of_call(month_calls: int) -> int:
    """Return what each call costs in a month of so many calls, in micro-CNY."""
    return next((price for most, price in TIERS if month_calls <= most), LOWEST_PRICE)


def price_of(calls: int) -> Decimal:
    """Return what some calls cost in the first tier, in CNY."""
    return PRICE_PER_CALL * calls
