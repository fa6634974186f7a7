from datetime import UTC, datetime
from decimal import Decimal

import pytest
from comparemaskface.accounts.billing import Bill, month_of, price_of


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def billed(*times: float) -> Bill:
    bill = Bill()
    for time in times:
        bill.add(time)
    return bill


@pytest.mark.parametrize(
    ("calls", "price"),
    [
        (1, "0.0032"),
        (3_000_000, "0.0032"),
        (3_000_001, "0.0030"),
        (15_000_000, "0.0030"),
        (15_000_001, "0.0027"),
    ],
)
def test_the_price_is_that_of_the_tier_reached(calls: int, price: str) -> None:
    assert price_of(calls) == Decimal(price)


def test_a_month_begins_at_midnight_in_beijing() -> None:
    assert month_of(at("2026-01-31T15:59:59")) == "2026-01"
    assert month_of(at("2026-01-31T16:00:00")) == "2026-02"


def test_calls_cost_by_the_month_without_those_that_are_free() -> None:
    january, february = at("2026-01-10"), at("2026-02-10")
    bill = billed(january, january, january, february)
    assert bill.calls == 4
    assert bill.cost() == Decimal("0.0128")
    assert bill.cost(free_calls_per_month=2) == Decimal("0.0032")


def test_months_that_alternate_within_the_hour_of_midnight_are_kept_apart() -> None:
    before, after = at("2026-01-31T15:59:59"), at("2026-01-31T16:00:00")
    bill = billed(before, after, before)
    assert bill.cost(free_calls_per_month=1) == Decimal("0.0032")


def test_nothing_costs_nothing() -> None:
    assert Bill().cost() == 0
