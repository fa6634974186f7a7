"""How many rows may fail before somebody should look: a share, of so many rows at least."""

import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*(?:of\s+(\d+))?\s*")
_ROWS = 100


@dataclass(frozen=True, slots=True)
class ShareLimit:
    """More than a share (0 to 1) is too much, where there are `rows` at least: of few, one is many."""

    share: float = 0.5
    rows: int = _ROWS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 0.5, 50% or 50% of 100; raise ValueError for anything else."""
        found = _FORM.fullmatch(text)
        share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
        if not found or not 0 <= share <= 1:
            raise ValueError
        return cls(share, int(found[3] or _ROWS))

    def is_passed(self, count: int, *, of: int) -> bool:
        """Return True if so many are too many."""
        return of >= self.rows and count > self.share * of

    def __str__(self) -> str:
        return f"{100 * self.share:g}% of {self.rows}"
