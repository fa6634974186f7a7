"""From outcomes to the rows that analysts read, and the check that the books balance."""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from maskmatch.core.decisions import decide, threshold_for
from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Source, Status
from maskmatch.core.pairs import BadRow, Pair
from maskmatch.core.pricing import price_of

Row = dict[str, Any]

_NO_CALLS = {"attempts": 0, "billed_calls": 0, "maybe_billed_calls": 0, "cost": Decimal(0)}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every row of one publication carries."""

    run_id: str
    nominal_fmr: float
    schema_version: int

    def columns(self) -> Row:
        """Return the stamp as columns."""
        return {"run_id": self.run_id, "schema_version": self.schema_version}


def pair_rows(pairs: Iterable[Pair], outcomes: Mapping[str, Outcome], stamp: Stamp) -> Iterator[Row]:
    """Yield one row per pair; raise BooksError, some of them named, for pairs without outcome."""
    lost = []
    for pair in pairs:
        if outcome := outcomes.get(pair.pair_id):
            yield _row(pair, outcome, stamp)
        else:
            lost.append(pair.pair_id)
    if lost:
        shown = ", ".join(lost[:5])
        raise BooksError(
            f"{len(lost):,} pairs have no outcome yet ({shown}): clear or rerun the compare tasks"
        )


def rest_rows(
    rest: Iterable[tuple[Pair, Source, str | None]], outcomes: Mapping[str, Outcome], stamp: Stamp
) -> Iterator[Row]:
    """Yield the rows of pairs that need no call: the outcome of another row, or none; no calls of their own.

    `outcomes` are those of the pairs that settle others, all of them.
    """
    for pair, source, canonical in rest:
        outcome = None if source is Source.PREFLIGHT else outcomes[canonical or pair.pair_id]
        if outcome and source is Source.SWAPPED:
            outcome = _swapped(outcome)
        yield _row(pair, outcome, stamp) | _settled_by(source, canonical)


def known_rows(known: Iterable[tuple[Pair, Outcome]], stamp: Stamp) -> Iterator[Row]:
    """Yield the rows of pairs whose answer was taken over; no calls of this plan."""
    for pair, outcome in known:
        canonical = outcome.pair_id if outcome.pair_id != pair.pair_id else None
        row = _row(pair, outcome, stamp) | _settled_by(Source.REUSED, canonical)
        yield row | {"call_order": None}


def _row(pair: Pair, outcome: Outcome | None, stamp: Stamp) -> Row:
    columns = _outcome_columns(outcome, stamp) if outcome else {"outcome": Status.SKIPPED}
    return _pair_columns(pair) | columns | stamp.columns()


def _settled_by(source: Source, canonical: str | None) -> Row:
    return {"result_source": source, "canonical_pair_id": canonical, **_NO_CALLS}


def _swapped(outcome: Outcome) -> Outcome:
    """Return an outcome for the same images the other way around."""
    if not outcome.reason or not outcome.reason.side:
        return outcome
    side = Side.PROBE if outcome.reason.side is Side.REFERENCE else Side.REFERENCE
    return replace(outcome, reason=replace(outcome.reason, side=side))


def bad_row_row(row: BadRow, stamp: Stamp) -> Row:
    """Return the row of a manifest row that is not a valid pair."""
    return stamp.columns() | {
        "pair_id": row.pair_id,
        "manifest_file": row.manifest_file,
        "manifest_row": row.manifest_row,
        "manifest_column": row.column,
        "outcome": Status.FAILED,
        "failure_class": FailureClass.DATA,
        "failure_code": row.code,
        "failure_message": row.message,
        "is_open": False,
        "result_source": Source.PREFLIGHT,
        **_NO_CALLS,
    }


def check_books(rows: list[Row], *, manifest_rows: int) -> None:
    """Raise BooksError unless every manifest row is there once and every score is in range."""
    if len(rows) != manifest_rows:
        raise BooksError(f"the manifests have {manifest_rows:,} rows, the outcomes {len(rows):,}")
    places = Counter((row["manifest_file"], row["manifest_row"]) for row in rows)
    if doubled := [place for place, count in places.items() if count > 1]:
        raise BooksError(f"manifest row {doubled[0]} has more than one outcome")
    wrong = [row for row in rows if row["outcome"] == Status.SCORED and not 0 <= row["score"] <= 100]
    if wrong:
        raise BooksError(f"pair {wrong[0]['pair_id']} has a score outside 0-100: {wrong[0]['score']}")


def has_answers(rows: Iterable[Row]) -> bool:
    """Return True if any row holds an answer of the service, of this run or an earlier one."""
    return any(row.get("score") is not None or row.get("request_id") for row in rows)


def content_digest(rows: Iterable[Row]) -> str:
    """Return a digest of the rows' content, so that a publication with other content has another name."""
    digest = hashlib.sha256()
    for row in rows:
        facts = (row["manifest_file"], row["manifest_row"], *(row.get(name) for name in _FACTS))
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:8]


_FACTS = ("pair_id", "score", "decision", "failure_code", "request_id", "attempts")


_FAILED = (FailureClass.BIOMETRIC, FailureClass.DATA, FailureClass.INFRASTRUCTURE)
"""Classes that rows have; a failure of policy stops the run instead."""


def run_totals(rows: list[Row], calls: Sequence[Calls]) -> Row:
    """Return the sums of one run as columns of its row in `runs`; `calls` are those the run itself made."""
    status = Counter(row["outcome"] for row in rows)
    classes = Counter(row.get("failure_class") for row in rows)
    times = [call.called_at for call in calls if call.called_at]
    billed = sum(call.billed for call in calls)
    return {
        **{name.value: status[name] for name in Status},
        **{f"failed_{name.value}": classes[name] for name in _FAILED},
        "attempts": sum(call.attempts for call in calls),
        "billed_calls": billed,
        "maybe_billed_calls": sum(call.maybe_billed for call in calls),
        "cost": price_of(billed),
        "model_versions": ", ".join(
            sorted({row["model_version"] for row in rows if row.get("model_version")})
        )
        or None,
        "first_called_at": min(times, default=None),
        "last_called_at": max(times, default=None),
    }


def _pair_columns(pair: Pair) -> Row:
    return {
        "pair_id": pair.pair_id,
        "row_id": pair.row_id,
        "manifest_file": pair.manifest_file,
        "manifest_row": pair.manifest_row,
        "reference_id": pair.reference_id,
        "probe_id": pair.probe_id,
        "reference_content": pair.reference_content,
        "probe_content": pair.probe_content,
        "reference_subject_id": pair.reference_subject_id,
        "probe_subject_id": pair.probe_subject_id,
        "is_mated": pair.is_mated,
        "quality_control": pair.quality_control,
        **dict(pair.attributes),
    }


def _outcome_columns(outcome: Outcome, stamp: Stamp) -> Row:
    columns = _reason_columns(outcome.reason) | _call_columns(outcome.calls)
    columns["outcome"] = outcome.status
    columns["model_version"] = outcome.model_version
    columns["result_source"] = outcome.source
    columns["call_order"] = outcome.call_order
    columns["canonical_pair_id"] = outcome.canonical_pair_id
    columns["score"] = None if outcome.score is None else _float32(outcome.score)
    threshold = threshold_for(model_version=outcome.model_version, nominal_fmr=stamp.nominal_fmr)
    if columns["score"] is not None and threshold is not None:
        columns["threshold"] = threshold
        columns["threshold_nominal_fmr"] = stamp.nominal_fmr
        columns["decision"] = decide(columns["score"], threshold=threshold)
    return columns


def _reason_columns(reason: Reason | None) -> Row:
    if reason is None:
        return {}
    return {
        "failure_class": reason.failure_class,
        "failure_code": reason.code,
        "vendor_code": reason.vendor_code,
        "failure_message": reason.message,
        "failed_side": reason.side,
        "is_open": reason.is_open,
    }


def _call_columns(calls: Calls) -> Row:
    return {
        "attempts": calls.attempts,
        "billed_calls": calls.billed,
        "maybe_billed_calls": calls.maybe_billed,
        "cost": price_of(calls.billed),
        "request_id": calls.request_id,
        "answered_by": calls.answered_by,
        "latency_ms": calls.latency_ms,
        "called_at": calls.called_at,
    }


def _float32(value: float) -> float:
    """Return a number as the table keeps it, so that score and decision agree."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
