"""What the vendor would charge, and how much of it a client paid twice.

Only successes and NoFaceInPhoto are billed (https://cloud.tencent.com/document/product/867/17640). A pair
billed more than once was *paid again*.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from comparemaskface.accounts.account import Account
from comparemaskface.accounts.billing import Bill
from comparemaskface.accounts.rate_limits import THROTTLED
from comparemaskface.wire.vendor_errors import VendorError

SCORED = "Scored"
_BILLED = frozenset({SCORED, VendorError.NO_FACE.code})


@dataclass(frozen=True, slots=True)
class Call:
    """One call that passed the rate limit. `at`: Unix time of its acceptance."""

    at: float
    request_id: str
    pair: bytes | None
    """None when the request was too broken to show it."""
    outcome: str
    """SCORED or an error code."""
    account: str = ""

    @property
    def is_billed(self) -> bool:
        """Return True if the vendor would charge for it."""
        return self.outcome in _BILLED


@dataclass(slots=True)
class _Counts:
    """Counts of one account, or of requests whose account is unknown."""

    accepted: int = 0
    throttled: int = 0
    refused: int = 0
    bill: Bill = field(default_factory=Bill)


class Meter:
    """Count calls and, when enabled, remember each: some 300 bytes a call."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._accounts: dict[str, Account] = {}
        self.reset()

    def reset(self) -> None:
        """Forget all calls and bills, as if just started."""
        self._counts: defaultdict[str, _Counts] = defaultdict(_Counts)
        self._first: float | None = None
        self._last: float | None = None
        self._calls: list[Call] = []
        self._billed_pairs: set[tuple[str, bytes | None]] = set()

    def list_accounts(self, accounts: Iterable[Account]) -> None:
        """Show these accounts in the totals, and count their free calls."""
        self._accounts = {account.name: account for account in accounts}

    def accept(self, at: float, account: str = "") -> None:
        """Record that a call passed the rate limit."""
        self._counts[account].accepted += 1
        self._first = at if self._first is None else self._first
        self._last = at

    def refuse(self, error: VendorError, account: str | None = None) -> None:
        """Record a request that did not pass the rate limit, or did not even reach it."""
        if error in THROTTLED:
            self._counts[account or ""].throttled += 1
        else:
            self._counts[account or ""].refused += 1

    def settle(self, call: Call) -> None:
        """Record how an accepted call ended."""
        if call.is_billed:
            self._counts[call.account].bill.add(call.at)
        if not self.enabled:
            return
        self._calls.append(call)
        if call.is_billed:
            self._billed_pairs.add((call.account, call.pair))

    def bill(self, account: str) -> Bill:
        """Return an account's bill so far."""
        return self._counts[account].bill

    def totals(self) -> dict[str, Any]:
        """Return the counts, ready for JSON."""
        counts = self._counts.values()
        billed = sum(count.bill.calls for count in counts)
        names = [*self._accounts, *(name for name in self._counts if name and name not in self._accounts)]
        return {
            "accepted": sum(count.accepted for count in counts),
            "billed": billed,
            "throttled": sum(count.throttled for count in counts),
            "refused": sum(count.refused for count in counts),
            "distinct_billed_pairs": len(self._billed_pairs),
            "paid_again": billed - len(self._billed_pairs),
            "cost_cny": float(sum((self._cost(name) for name in names), Decimal(0))),
            "first_accepted_at": self._first,
            "last_accepted_at": self._last,
            "accounts": {name: self._account_totals(name) for name in names},
        }

    def calls(self) -> Iterator[dict[str, Any]]:
        """Yield the calls so far in the order in which they ended, ready for JSON."""
        for call in self._calls[:]:
            yield {
                "at": call.at,
                "account": call.account,
                "pair": call.pair.hex() if call.pair else None,
                "request_id": call.request_id,
                "code": call.outcome,
                "billed": call.is_billed,
            }

    def _account_totals(self, name: str) -> dict[str, Any]:
        counts = self._counts[name]
        return {
            "accepted": counts.accepted,
            "billed": counts.bill.calls,
            "throttled": counts.throttled,
            "refused": counts.refused,
            "cost_cny": float(self._cost(name)),
        }

    def _cost(self, name: str) -> Decimal:
        account = self._accounts.get(name)
        return self._counts[name].bill.cost(account.free_calls_per_month if account else 0)
