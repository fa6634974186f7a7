"""What is known about a pair afterwards: scored, or failed and why.

Decision: docs/adr/0016-a-trouble-that-passes-is-no-failure.md
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from maskmatch.core.image_rules import ImageFacts


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
    """Where a result comes from.

    A call of its own, checks before any call, or calls with the same image; the call of another row with the
    same contents, in the same order or swapped; or an answer of an earlier plan.
    """

    API = "api"
    PREFLIGHT = "preflight"
    VERDICT = "verdict"
    DEDUP = "dedup"
    SWAPPED = "swapped"
    REUSED = "reused"


FINAL_FAILURES = frozenset(
    {
        "comparison_failed",
        "face_too_small",
        "image_empty",
        "image_too_few_pixels",
        "image_too_many_bytes",
        "image_too_many_pixels",
        "image_undecodable",
        "low_quality",
        "no_face",
        "request_too_large",
        "too_many_faces",
    }
)
"""Codes that belong to the bytes of an image: the same bytes fail again. All other failures are open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor says of one pair: a score from 0 to 100."""

    score: float
    model_version: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Images:
    """What is known of the two images of a pair; None where one was not looked at."""

    reference: ImageFacts | None = None
    probe: ImageFacts | None = None


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
        """Return True if the next run is to try the pair again: nothing says that it must fail."""
        return self.code not in FINAL_FAILURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls made for one pair: sent, charged for sure, perhaps charged (their answer never came).

    The rest tells of the last of them: its number among those of the pair in one try of the shard, from 1;
    when it was sent and answered, the milliseconds between; the bytes of the request that left, and who
    answered. Without a call of its own, it tells of the call whose answer was taken over.
    """

    attempts: int = 0
    billed: int = 0
    maybe_billed: int = 0
    attempt: int | None = None
    called_at: datetime | None = None
    answered_at: datetime | None = None
    latency_ms: float | None = None
    bytes_sent: int | None = None
    request_id: str | None = None
    answered_by: str | None = None

    def after(self, earlier: Self) -> Self:
        """Return these calls with the counts of earlier ones of the same pair added."""
        return replace(
            self if self.attempts or self.answered_by else earlier,
            attempts=self.attempts + earlier.attempts,
            billed=self.billed + earlier.billed,
            maybe_billed=self.maybe_billed + earlier.maybe_billed,
        )

    @property
    def taken_over(self) -> Self:
        """Return what a pair tells of these calls whose answer it takes over: they were not made for it."""
        return replace(self, attempts=0, billed=0, maybe_billed=0, attempt=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a pair: a score (0-100) or a reason, and the calls it took.

    The journal keeps one for each call, and one for an end that took none; together they are that of the
    pair. `canonical_pair_id` names the pair whose answer was taken over. `images` are written there, for
    whoever reads its columns, and not read back.
    """

    pair_id: str
    score: float | None = None
    model_version: str | None = None
    reason: Reason | None = None
    source: Source = Source.API
    calls: Calls = Calls()
    call_order: int | None = None
    manifest_row: int | None = None
    quality_control: int | None = None
    canonical_pair_id: str | None = None
    images: Images = field(default=Images(), compare=False)

    @property
    def status(self) -> Status:
        """Return scored or failed."""
        return Status.FAILED if self.reason else Status.SCORED

    @property
    def is_answer(self) -> bool:
        """Return True if it is what the service says of these two images, and would say again."""
        is_asked = self.calls.answered_by is not None and self.source not in (
            Source.VERDICT,
            Source.PREFLIGHT,
        )
        return is_asked and self.is_final

    @property
    def is_final(self) -> bool:
        """Return True if a later try must not call this pair again."""
        return self.reason is None or not self.reason.is_open
