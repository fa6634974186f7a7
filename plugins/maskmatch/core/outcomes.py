"""What is known about a pair afterwards: scored, or failed and why."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class Status(StrEnum):
    """What became of a manifest row."""

    SCORED = "scored"
    FAILED = "failed"
    SKIPPED = "skipped"


class FailureClass(StrEnum):
    """Who has to act on a failure; only biometric ones count as failure to acquire (ISO/IEC 19795-1)."""

    BIOMETRIC = "biometric"
    DATA = "data"
    INFRASTRUCTURE = "infrastructure"
    POLICY = "policy"


class Side(StrEnum):
    """One of the two images of a pair."""

    REFERENCE = "reference"
    PROBE = "probe"


class Source(StrEnum):
    """Where a result comes from: a call of its own, checks before any call, or calls with the same image."""

    API = "api"
    PREFLIGHT = "preflight"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor says of one pair: a score from 0 to 100."""

    score: float
    model_version: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a pair has no score; `side` is None where the vendor does not tell it."""

    failure_class: FailureClass
    code: str
    message: str
    vendor_code: str | None = None
    side: Side | None = None

    @property
    def is_open(self) -> bool:
        """Return True if the same pair may succeed later without anyone fixing it."""
        return self.failure_class is FailureClass.INFRASTRUCTURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls made for one pair: sent, charged for sure, perhaps charged (their answer never came)."""

    attempts: int = 0
    billed: int = 0
    maybe_billed: int = 0
    request_id: str | None = None
    latency_ms: float | None = None
    called_at: datetime | None = None

    def after(self, earlier: Self) -> Self:
        """Return these calls with the counts of earlier ones of the same pair added."""
        return replace(
            self,
            attempts=self.attempts + earlier.attempts,
            billed=self.billed + earlier.billed,
            maybe_billed=self.maybe_billed + earlier.maybe_billed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one pair: a score (0-100) or a reason, and the calls it took."""

    pair_id: str
    score: float | None = None
    model_version: str | None = None
    reason: Reason | None = None
    source: Source = Source.API
    calls: Calls = Calls()
    call_order: int | None = None

    @property
    def status(self) -> Status:
        """Return scored or failed."""
        return Status.FAILED if self.reason else Status.SCORED

    @property
    def is_final(self) -> bool:
        """Return True if a later try must not call this pair again."""
        return self.reason is None or not self.reason.is_open

    def to_record(self) -> dict[str, Any]:
        """Return the outcome as a flat JSON record for the journal."""
        reason, calls = self.reason, self.calls
        return {
            "pair_id": self.pair_id,
            "score": self.score,
            "model_version": self.model_version,
            "failure_class": reason and reason.failure_class,
            "failure_code": reason and reason.code,
            "failure_message": reason and reason.message,
            "vendor_code": reason and reason.vendor_code,
            "failed_side": reason and reason.side,
            "result_source": self.source,
            "attempts": calls.attempts,
            "billed_calls": calls.billed,
            "maybe_billed_calls": calls.maybe_billed,
            "request_id": calls.request_id,
            "latency_ms": calls.latency_ms,
            "called_at": calls.called_at and calls.called_at.isoformat(),
            "call_order": self.call_order,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read back what `to_record` wrote."""
        called_at = record["called_at"]
        return cls(
            pair_id=record["pair_id"],
            score=record["score"],
            model_version=record["model_version"],
            reason=_reason(record),
            source=Source(record["result_source"]),
            calls=Calls(
                attempts=record["attempts"],
                billed=record["billed_calls"],
                maybe_billed=record["maybe_billed_calls"],
                request_id=record["request_id"],
                latency_ms=record["latency_ms"],
                called_at=called_at and datetime.fromisoformat(called_at),
            ),
            call_order=record["call_order"],
        )


def _reason(record: dict[str, Any]) -> Reason | None:
    if record["failure_code"] is None:
        return None
    side = record["failed_side"]
    return Reason(
        failure_class=FailureClass(record["failure_class"]),
        code=record["failure_code"],
        message=record["failure_message"],
        vendor_code=record["vendor_code"],
        side=side and Side(side),
    )
