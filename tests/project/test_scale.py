"""The paper figures of docs/scale.md follow from the vendor's prices and from the rate."""

import re

from devstack.project import project_root
from maskmatch.core.pricing import MICRO, price_of_call
from maskmatch.engine.memory import MemoryLimits

TEXT = (project_root() / "docs" / "scale.md").read_text()
PAIRS = 100_000_000
DAY_SECONDS, NIGHT_SECONDS = 86_400, 8 * 3600


def rows_below(head: str) -> list[list[str]]:
    """Return the cells of the table with this first cell in its head, without commas."""
    table = TEXT.split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    return [re.findall(r"[^|]+", line.replace(",", "")) for line in table.split("\n")[2:]]


def test_days_and_nights_follow_from_the_rate():
    rows = [[float(cell) for cell in row] for row in rows_below("calls a second")]
    assert len(rows) == 5
    for rate, days, nights, month in rows:
        assert days == round(PAIRS / rate / DAY_SECONDS, 1)
        assert nights == round(PAIRS / rate / NIGHT_SECONDS, 1)
        assert month == rate * DAY_SECONDS * 30


def test_cost_follows_from_the_prices():
    rows = [[float(cell) for cell in row] for row in rows_below("calls in one month")]
    assert len(rows) == 5
    for calls, price, cost in rows:
        assert price == price_of_call(int(calls)) / MICRO
        assert cost == round(calls * price_of_call(int(calls)) / MICRO)


def test_calls_in_flight_are_those_of_the_engine():
    assert f"at most {MemoryLimits().most} calls in flight" in TEXT
