"""What a back-end is: one small document, changed in one atomic step, under one clock for all its users.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

T = TypeVar("T")
Step = Callable[["bytes | None", "Moment"], tuple[bytes, T]]


@dataclass(frozen=True, slots=True)
class Moment:
    """The store's clock: `now` in seconds for slots, `utc` (aware) for days and months."""

    now: float
    utc: datetime


class SharedDocument(Protocol):
    """A document that the users of one account share, wherever it lies; for many threads.

    Beside it lie records, to which one is only ever added. Raise Unavailable when the store is away.
    """

    def change(self, step: Step[T], *, record: Callable[[Moment], bytes] | None = None) -> T:
        """Replace the document by what `step` makes of it, and return the rest of its result.

        What `record` returns is added to the records in the same atomic step. Both may run again, so they
        are pure.
        """
        ...

    def look(self, view: Callable[[bytes | None, Moment], T]) -> T:
        """Return what `view` makes of the document as it is now; None stands for one that nobody has made."""
        ...

    def records(self, newest: int) -> list[bytes]:
        """Return at most so many records, the newest first."""
        ...

    def now(self) -> float:
        """Return the time on the clock of the moments that `change` passes, without asking the store."""
        ...

    def close(self) -> None:
        """Close the connection to the store."""
        ...
