"""What a back-end is: one small document, changed in one atomic step, under one clock for all its users.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moment:
    """The store's clock: `now` in seconds for slots, `utc` (aware) for days and months."""

    now: float
    utc: datetime


class SharedDocument(Protocol):
    """A document that the users of one account share, wherever it lies; for many threads."""

    def change(self, step: Callable[[bytes | None, Moment], tuple[bytes, T]]) -> T:
        """Replace the document by what `step` makes of it, and return the rest of its result.

        The step may run again, so it is pure. Raise Unavailable when the store is away.
        """
        ...

    def now(self) -> float:
        """Return the time on the clock of the moments that `change` passes, without asking the store."""
        ...

    def close(self) -> None:
        """Close the connection to the store."""
        ...
