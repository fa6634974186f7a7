"""How far a shard is, small enough to stand in the name of an object.

Decision: docs/adr/0014-the-journal-says-every-call.md
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from maskmatch.core.outcomes import Outcome

_COUNTS = re.compile(r"s(\d+)-f(\d+)-a(\d+)")


class Counts(NamedTuple):
    """Pairs with a score, pairs that failed for good, and pairs that failed for now and are called again."""

    scored: int = 0
    failed: int = 0
    again: int = 0

    def __str__(self) -> str:
        """Return such as s120-f3-a1."""
        return f"s{self.scored}-f{self.failed}-a{self.again}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back what `str` gave; raise ValueError."""
        if not (found := _COUNTS.fullmatch(text)):
            raise ValueError(f"{text} is not such as s120-f3-a1")
        return cls(*map(int, found.groups()))


_NONE = Counts()


class Tally:
    """Counts the pairs of one shard, entry by entry, as one writer sees them: each pair ends once.

    It begins with the counts of earlier tries, and the ids of the pairs that they left to be called again.
    """

    def __init__(self, begin: Counts = _NONE, again: Iterable[str] = ()) -> None:
        self._scored, self._failed, _ = begin
        self._again: set[str] = set(again)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count what was entered."""
        for outcome in outcomes:
            if not outcome.is_final:
                self._again.add(outcome.pair_id)
                continue
            self._again.discard(outcome.pair_id)
            self._failed += outcome.reason is not None
            self._scored += outcome.reason is None

    @property
    def counts(self) -> Counts:
        """Return the counts now."""
        return Counts(self._scored, self._failed, len(self._again))
