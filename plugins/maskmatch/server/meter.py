"""What the vendor would put on the bill, and what a client should not have let it put there.

Only successes and NoFaceInPhoto are billed (https://cloud.tencent.com/document/product/867/17640). A pair
billed more than once was *paid again*.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maskmatch.server.errors import Mistake

SCORED = "Scored"
_BILLED = frozenset({SCORED, Mistake.NO_FACE.code})


@dataclass(frozen=True, slots=True)
class Call:
    """One call that passed the rate limit. `at`: Unix time of its acceptance."""

    at: float
    request_id: str
    pair: bytes | None
    """None when the request was too broken to tell."""
    outcome: str
    """SCORED or an error code."""

    @property
    def is_billed(self) -> bool:
        """Tell whether the vendor would take money for it."""
        return self.outcome in _BILLED


class Meter:
    """Count calls and, when enabled, remember each: some 300 bytes a call."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._accepted = self._throttled = self._refused = 0
        self._first: float | None = None
        self._last: float | None = None
        self._calls: list[Call] = []
        self._billed = 0
        self._billed_pairs: set[bytes | None] = set()

    def accept(self, at: float) -> None:
        """Note that a call passed the rate limit."""
        self._accepted += 1
        self._first = at if self._first is None else self._first
        self._last = at

    def refuse(self, mistake: Mistake) -> None:
        """Note a request that did not pass the rate limit, or did not even reach it."""
        if mistake is Mistake.TOO_MANY_REQUESTS:
            self._throttled += 1
        else:
            self._refused += 1

    def settle(self, call: Call) -> None:
        """Note how an accepted call ended."""
        if not self.enabled:
            return
        self._calls.append(call)
        if call.is_billed:
            self._billed += 1
            self._billed_pairs.add(call.pair)

    def totals(self) -> dict[str, Any]:
        """Return the counts, ready for JSON."""
        return {
            "accepted": self._accepted,
            "billed": self._billed,
            "throttled": self._throttled,
            "refused": self._refused,
            "distinct_billed_pairs": len(self._billed_pairs),
            "paid_again": self._billed - len(self._billed_pairs),
            "first_accepted_at": self._first,
            "last_accepted_at": self._last,
        }

    def calls(self) -> Iterator[dict[str, Any]]:
        """Yield the calls so far in the order in which they ended, ready for JSON."""
        for call in self._calls[:]:
            yield {
                "at": call.at,
                "pair": call.pair.hex() if call.pair else None,
                "request_id": call.request_id,
                "code": call.outcome,
                "billed": call.is_billed,
            }
