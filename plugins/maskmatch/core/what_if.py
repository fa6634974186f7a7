"""What a run would take and cost otherwise: by another rate, by a package for the day, by URLs."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal

from maskmatch.core.pricing import day_package_cost

CONTRACT_CALLS_PER_SECOND = 300.0
"""What the vendor allows by contract; pay-per-call accounts have 50."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another way to make the same calls, by itself on the account.

    `cost` (CNY) takes the place of the price of the calls; None: by call, as otherwise. `bytes_sent` None: as
    otherwise.
    """

    name: str
    calls_per_second: float
    seconds: float
    cost: Decimal | None = None
    bytes_sent: int | None = None


def alternatives(
    calls: int, *, calls_per_second: float, margin: float, sends_images: bool
) -> tuple[Alternative, ...]:
    """Return what an account of this rate could do instead; the share `margin` of a rate stays unused."""
    if not calls:
        return ()
    found = [_package(calls, calls_per_second, margin)]
    if calls_per_second < CONTRACT_CALLS_PER_SECOND:
        found.append(_by_call(calls, CONTRACT_CALLS_PER_SECOND, margin, "by contract"))
        found.append(_package(calls, CONTRACT_CALLS_PER_SECOND, margin))
    if sends_images:
        by_url = _by_call(calls, calls_per_second, margin, "with image_transfer url")
        found.append(replace(by_url, bytes_sent=0))
    return tuple(found)


def _by_call(calls: int, calls_per_second: float, margin: float, how: str) -> Alternative:
    rate = calls_per_second * (1 - margin)
    name = f"{calls_per_second:g} calls/s {how}"
    return Alternative(name=name, calls_per_second=rate, seconds=calls / rate)


def _package(calls: int, calls_per_second: float, margin: float) -> Alternative:
    """Return the package of a whole number of calls a second, for each day that is begun."""
    whole = math.ceil(calls_per_second)
    rate = whole * (1 - margin)
    days = math.ceil(calls / rate / _DAY_SECONDS)
    return Alternative(
        name=f"package of {whole:,} calls/s for {days:,} day{'s' if days > 1 else ''}",
        calls_per_second=rate,
        seconds=calls / rate,
        cost=day_package_cost(whole, days=days),
    )
