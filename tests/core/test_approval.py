from datetime import UTC, datetime
from decimal import Decimal

import pytest

from maskmatch.core.approval import DEFAULT_COST_LIMIT, Approval, is_above, names


@pytest.mark.parametrize(
    ("calls", "is_asked"),
    [(100_000, False), (312_500, False), (312_501, True), (1_000_000, True), (10**7, True)],
)
def test_a_real_night_passes_and_a_mistake_does_not(calls, is_asked):
    assert is_above(calls, DEFAULT_COST_LIMIT) is is_asked


@pytest.mark.parametrize(
    ("typed", "is_named"),
    [
        ("0123456789abcdef", True),
        (" 01234567\n", True),
        ("0123456", False),
        ("", False),
        ("y", False),
        ("01234568", False),
        ("0123456789abcdef0", False),
    ],
)
def test_eight_characters_of_a_digest_name_it(typed, is_named):
    assert names(typed, "0123456789abcdef") is is_named


def test_an_approval_is_read_back_as_it_was():
    at = datetime(2026, 11, 22, 2, tzinfo=UTC)
    this = Approval(digest="d", by="ada", through="terminal", at=at, calls=5, cost_cny=Decimal("0.016"))
    assert Approval.from_record(this.to_record()) == this
