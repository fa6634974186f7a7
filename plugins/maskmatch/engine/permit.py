"""One permit: the right to make one call at its slot, used or given back exactly once.

    in hand ──use──> used ──refund──> given back: its call turned out not to be billed
       └────release──> given back, as is one that is used too late

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

from typing import Protocol


class Books(Protocol):
    """Where permits come from, as far as a single one needs it."""

    def passed(self, slot: float, *, used: bool) -> bool:
        """Record that a slot has come; return True if it may still be used."""
        ...

    def unbilled(self) -> None:
        """Give back the budget of a permit whose call is known not to be billed."""
        ...


class Permit:
    """A permit for the time `slot` of the clock."""

    __slots__ = ("_books", "_state", "slot")

    def __init__(self, books: Books, slot: float) -> None:
        self._books = books
        self._state = "in hand"
        self.slot = slot

    def use(self) -> bool:
        """Return True if its call may be sent now; False when it is too late, which gives it back."""
        self._leave("in hand", "used")
        if self._books.passed(self.slot, used=True):
            return True
        self._state = "given back"
        return False

    def release(self) -> None:
        """Give back a permit that was not used."""
        self._leave("in hand", "given back")
        self._books.passed(self.slot, used=False)

    def refund(self) -> None:
        """Give back the budget of a used permit: its call was not sent, or is known not to be billed."""
        self._leave("used", "given back")
        self._books.unbilled()

    def _leave(self, state: str, new: str) -> None:
        if self._state != state:
            raise RuntimeError(f"a permit that was {self._state} cannot be {new}")
        self._state = new
