"""Faults by name: what can be made to go wrong, as it does with the vendor on a bad day.

    --fault NAME[=VALUE[,VALUE]][@SHARE]        internal@0.01   slow=0.4,0.5   throttle=30   arrears=1000

Three kinds: most apply to a share of the calls and decide their answer (of several the first named does),
`slow` delays a share of them whatever else applies, and states of account, key, clock and model hold for all.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class FaultName(StrEnum):
    """A fault. Which are billed is said in docs/local-service.md."""

    THROTTLE = "throttle"
    INTERNAL = "internal"
    RPC_FAIL = "rpc-fail"
    BAD_GATEWAY = "bad-gateway"
    SLOW = "slow"
    HANG = "hang"
    CUT = "cut"
    LOST = "lost"
    BAD_JSON = "bad-json"
    CLOCK_SKEW = "clock-skew"
    MODEL_VERSION = "model-version"
    ARREARS = "arrears"
    KEY_REVOKED = "key-revoked"


class FaultBy(StrEnum):
    """What a share is drawn over: calls, or pairs, so that a pair gets the same faults each time."""

    CALL = "call"
    PAIR = "pair"


@dataclass(frozen=True)
class Quantity:
    """One number in a fault's value: what it means, what it is when not given, its bounds."""

    meaning: str
    default: float
    least: float
    most: float


_DAY = 86_400.0
_CALL = Quantity("call", default=1, least=1, most=1e12)
QUANTITIES: dict[FaultName, tuple[Quantity, ...]] = {
    FaultName.THROTTLE: (Quantity("seconds", default=10, least=0, most=_DAY),),
    FaultName.SLOW: (
        Quantity("median seconds", default=1, least=0, most=60),
        Quantity("sigma", default=0.5, least=0, most=3),
    ),
    FaultName.HANG: (Quantity("seconds", default=60, least=0, most=600),),
    FaultName.CLOCK_SKEW: (Quantity("seconds", default=600, least=-_DAY, most=_DAY),),
    FaultName.MODEL_VERSION: (_CALL, Quantity("version", default=4.0, least=1, most=99)),
    FaultName.ARREARS: (_CALL,),
    FaultName.KEY_REVOKED: (_CALL,),
}
STATES = frozenset({FaultName.CLOCK_SKEW, FaultName.MODEL_VERSION, FaultName.ARREARS, FaultName.KEY_REVOKED})
"""They hold for all calls, or for all from a certain one on, so they take no share."""

_FORM = re.compile(r"(?P<name>[a-z-]+)(=(?P<values>[^@=]+))?(@(?P<share>[^@=]+))?")


@dataclass(frozen=True)
class Fault:
    """One fault as asked for: its numbers (see QUANTITIES), and the share of calls it applies to."""

    name: FaultName
    values: tuple[float, ...]
    share: float = 1.0

    def __str__(self) -> str:
        """Return the form that `parse_fault` reads."""
        values = ",".join(f"{value:.12g}" for value in self.values)
        share = f"@{self.share:.12g}" if self.share < 1 else ""
        return f"{self.name}{'=' if values else ''}{values}{share}"


@dataclass(frozen=True)
class FaultPlan:
    """All faults asked for. `per_pair`: at most so many faults apply to one pair; 0: any number."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    by: FaultBy = FaultBy.CALL
    per_pair: int = 0


def plan_of(
    texts: Iterable[str], *, seed: int = 0, by: FaultBy = FaultBy.CALL, per_pair: int = 0
) -> FaultPlan:
    """Return the plan of faults given as text; raise ValueError for one that is wrong, or named twice."""
    faults = tuple(parse_fault(text) for text in texts)
    names = [fault.name for fault in faults]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the fault {name} is named twice")
    if per_pair < 0:
        raise ValueError("the most faults per pair must be 0 or more")
    return FaultPlan(faults=faults, seed=seed, by=by, per_pair=per_pair)


def parse_fault(text: str) -> Fault:
    """Read NAME[=VALUE[,VALUE]][@SHARE]; raise ValueError saying what is wrong."""
    form = _FORM.fullmatch(text)
    if form is None or form["name"] not in list(FaultName):
        raise ValueError(
            f"{text[:64]!r} is not a fault: NAME[=VALUE][@SHARE], NAME one of {', '.join(FaultName)}"
        )
    name = FaultName(form["name"])
    values = _values(name, form["values"])
    if form["share"] is None:
        return Fault(name, values)
    if name in STATES:
        raise ValueError(f"{name} takes no share: it holds for all calls")
    return Fault(name, values, _number(form["share"], Quantity(f"share of {name}", 1, least=0, most=1)))


def _values(name: FaultName, text: str | None) -> tuple[float, ...]:
    quantities = QUANTITIES.get(name, ())
    given = text.split(",") if text else []
    if len(given) > len(quantities):
        raise ValueError(f"{name} takes {len(quantities) or 'no'} values, not {len(given)}")
    read = [_number(word, quantity) for word, quantity in zip(given, quantities, strict=False)]
    return (*read, *(quantity.default for quantity in quantities[len(given) :]))


def _number(text: str, quantity: Quantity) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not quantity.least <= number <= quantity.most:
        least, most = f"{quantity.least:g}", f"{quantity.most:g}"
        raise ValueError(f"{quantity.meaning}: {text[:32]!r} is not a number between {least} and {most}")
    return number
