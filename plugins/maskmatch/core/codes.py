"""The vendor's error codes, and what each means for us: one table, `codes.csv`, and prefix rules.

The table holds every code of the API page, of the SDK's `errorcodes.py`, of the gateway
(https://cloud.tencent.com/document/api/867/45020) and those the SDK itself raises. A code that is not in
it is classified by its prefix, or else like FailedOperation (tried again), and marked as unknown.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import csv
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files

from maskmatch.core.outcomes import FailureClass


class Action(StrEnum):
    """What to do after a call was refused."""

    RETRY = "retry"
    THROTTLE = "throttle"
    FAIL_PAIR = "fail_pair"
    FAIL_IMAGE = "fail_image"
    STOP_RUN = "stop_run"
    REFRESH_CREDENTIAL = "refresh_credential"


class Billed(StrEnum):
    """Whether the vendor charges for a call with this answer.

    Only successes and NoFaceInPhoto are charged: https://cloud.tencent.com/document/product/867/17640
    """

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ThrottleScope(StrEnum):
    """Whom a refusal for the rate concerns: all users of the account, or this host only."""

    ACCOUNT = "account"
    IP = "ip"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code means: next action, calls to make at most, failure class and code, charge, in words."""

    code: str
    action: Action
    attempts: int
    failure_class: FailureClass
    failure_code: str
    billed: Billed
    meaning: str
    known: bool = True

    @property
    def throttle_scope(self) -> ThrottleScope:
        """Return whom a refusal for the rate concerns."""
        return ThrottleScope.IP if self.code == _IP_LIMIT else ThrottleScope.ACCOUNT


def rule_for(code: str) -> Rule:
    """Return the rule of a vendor code; an unknown one gets the rule of its prefix, marked `known=False`."""
    if code in table():
        return table()[code]
    for prefix, like in _PREFIXES:
        if code.startswith(prefix):
            return replace(table()[like], code=code, known=False, meaning=f"Unknown code {code}.")
    return replace(table()["FailedOperation"], code=code, known=False, meaning=f"Unknown code {code}.")


@cache
def table() -> dict[str, Rule]:
    """Return every known code with its rule."""
    with files(__package__).joinpath("codes.csv").open(encoding="utf-8") as lines:
        return {row["code"]: _rule(row) for row in csv.DictReader(lines)}


def _rule(row: dict[str, str]) -> Rule:
    return Rule(
        code=row["code"],
        action=Action(row["action"]),
        attempts=int(row["attempts"]),
        failure_class=FailureClass(row["failure_class"]),
        failure_code=row["failure_code"],
        billed=Billed(row["billed"]),
        meaning=row["meaning"],
    )


_IP_LIMIT = "RequestLimitExceeded.IPLimitExceeded"

# An unknown code is treated like the known one beside its prefix. The order matters.
_PREFIXES = (
    ("RequestLimitExceeded", "RequestLimitExceeded"),
    ("AuthFailure", "AuthFailure.SignatureFailure"),
    ("UnauthorizedOperation", "UnauthorizedOperation"),
    ("ResourceUnavailable", "ResourceUnavailable"),
    ("ResourcesSoldOut", "ResourcesSoldOut.ChargeStatusException"),
    ("InternalError", "InternalError"),
    ("InvalidParameter", "InvalidParameterValue"),
    ("MissingParameter", "InvalidParameterValue"),
)
