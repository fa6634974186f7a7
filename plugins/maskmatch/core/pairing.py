"""Which pairs are wanted of lists of images, and what they will cost.

Decision: docs/adr/0024-pairs-are-numbers.md
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

from maskmatch.core.account_rules import DEFAULT_CALLS_PER_SECOND
from maskmatch.core.errors import InputError
from maskmatch.core.pricing import PRICE_PER_CALL, price_of

MOST_UNASKED = 5_000_000
"""Pairs that are written without a question: 16,000 CNY, and a day at the usual rate."""
MOST_PAIRS = 100_000_000
"""Of one manifest, as many as its reader takes."""
_COUNT = re.compile(r"([0-9][0-9_]*)|([0-9]+(?:\.[0-9]+)?)x|all", re.IGNORECASE)


class Way(StrEnum):
    """How images become pairs."""

    ALL = "all against all"
    SUBJECTS = "by subject"
    AGAINST = "one list against another"


@dataclass(frozen=True, slots=True)
class NonMated:
    """How many non-mated pairs: so many, so many for each mated one, or all of them where both are None."""

    count: int | None = None
    ratio: Fraction | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 10000, 2.5x or all; raise ValueError for anything else."""
        found = _COUNT.fullmatch(text.strip())
        if not found:
            raise ValueError
        return cls(int(found[1]) if found[1] else None, Fraction(found[2]) if found[2] else None)

    def of(self, *, mated: int, non_mated: int) -> int:
        """Return how many that is, where there are so many of both kinds; raise InputError for too many."""
        wanted = self._wanted(mated, non_mated)
        if wanted > non_mated:
            raise InputError(
                f"{wanted:,} non-mated pairs are wanted, and the list has {non_mated:,}: give --non-mated "
                f"{non_mated} or less, or all"
            )
        return wanted

    def _wanted(self, mated: int, non_mated: int) -> int:
        if self.ratio is not None:
            return round(self.ratio * mated)
        return non_mated if self.count is None else self.count

    def __str__(self) -> str:
        if self.ratio is not None:
            return f"{float(self.ratio):g}x"
        return "all" if self.count is None else str(self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingOptions:
    """What is chosen; `mated_per_subject` and `limit` are None where there is no such limit.

    `is_sure` allows more pairs than `MOST_UNASKED`.
    """

    way: Way = Way.ALL
    seed: str = "0"
    mated_per_subject: int | None = None
    non_mated: NonMated = NonMated(ratio=Fraction(1))
    without_equal: bool = False
    limit: int | None = None
    with_attributes: bool = False
    is_sure: bool = False

    def check_count(self, pairs: int) -> None:
        """Raise InputError for no pair, or for more pairs than anybody said that he wants."""
        if not pairs:
            raise InputError("that is no pair: give more images, or other options")
        sample = "" if self.way is Way.SUBJECTS else ", or a sample by --limit"
        if pairs > MOST_PAIRS:
            raise InputError(
                f"that is {pairs:,} pairs, and a manifest has {MOST_PAIRS:,} at most: give fewer images"
                f"{sample}"
            )
        if pairs > MOST_UNASKED and not self.is_sure and self.limit is None:
            raise InputError(
                f"that is {pairs:,} pairs: to write them add --yes; else give fewer images{sample}"
            )


def forecast(pairs: int) -> str:
    """Return what comparing so many pairs takes at most."""
    hours = pairs / DEFAULT_CALLS_PER_SECOND / 3600
    return (
        f"{pairs:,} calls at most, {price_of(pairs):,.2f} CNY ({PRICE_PER_CALL} each), {hours:,.1f} hours at "
        f"{DEFAULT_CALLS_PER_SECOND:g} calls per second"
    )
