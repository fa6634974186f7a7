"""How many pairs are wanted, what they cost, and when nobody has said that he wants so many."""

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.pairing import MOST_PAIRS, MOST_UNASKED, NonMated, PairingOptions, Way, forecast


@pytest.mark.parametrize(
    ("text", "count"), [("10", 10), ("0", 0), ("1_000", 1000), ("2x", 200), ("0.5X", 50), ("all", 2000)]
)
def test_non_mated_pairs_are_counted_as_they_are_asked_for(text, count):
    assert NonMated.parse(text).of(mated=100, non_mated=2000) == count


@pytest.mark.parametrize("text", ["", "x", "-1", "1e3", "ten", "1.5", "5:1", "1xx", "²"])
def test_another_text_is_no_number_of_pairs(text):
    with pytest.raises(ValueError, match=r"^$"):
        NonMated.parse(text)


def test_more_non_mated_pairs_than_there_are_are_refused_with_their_number():
    with pytest.raises(InputError, match="300 non-mated pairs are wanted, and the list has 299"):
        NonMated.parse("3x").of(mated=100, non_mated=299)


def test_no_pair_too_many_and_more_than_anybody_asked_for_are_refused():
    with pytest.raises(InputError, match="no pair"):
        PairingOptions().check_count(0)
    PairingOptions().check_count(MOST_UNASKED)
    with pytest.raises(InputError, match=r"5,000,001 pairs: to write them add --yes.*--limit"):
        PairingOptions().check_count(MOST_UNASKED + 1)
    PairingOptions(is_sure=True).check_count(MOST_PAIRS)
    PairingOptions(limit=MOST_PAIRS).check_count(MOST_PAIRS)
    with pytest.raises(InputError, match="100,000,001 pairs, and a manifest has 100,000,000 at most"):
        PairingOptions(is_sure=True).check_count(MOST_PAIRS + 1)
    with pytest.raises(InputError, match=r"give fewer images$"):
        PairingOptions(way=Way.SUBJECTS).check_count(MOST_UNASKED + 1)


def test_a_forecast_names_calls_money_and_hours():
    assert forecast(1_800_000) == (
        "1,800,000 calls at most, 5,760.00 CNY (0.0032 each), 10.0 hours at 50 calls per second"
    )
