"""From outcomes to the rows that analysts read, and the check that the books balance."""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from maskmatch.core.decisions import decide, threshold_for
from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Source, Status
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, BadRow, Pair
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


def pair_rows(
    pairs: Iterable[Pair],
    outcomes: Mapping[str, Outcome],
    stamp: Stamp,
    repeats: Mapping[str, Sequence[Pair]] = MappingProxyType({}),
) -> Iterator[Row]:
    """Yield one row per pair and repeat; raise BooksError, some of them named, for pairs without outcome.

    `repeats` are further rows of a pair by its id: they have its outcome, and no calls of their own.
    """
    lost = []
    for pair in pairs:
        if outcome := outcomes.get(pair.pair_id):
            row = _pair_columns(pair) | _outcome_columns(outcome, stamp) | stamp.columns()
            yield row
            for repeat in repeats.get(pair.pair_id, ()):
                yield _without_attributes(row) | _pair_columns(repeat) | _NO_CALLS
        else:
            lost.append(pair.pair_id)
    if lost:
        shown = ", ".join(lost[:5])
        raise BooksError(
            f"{len(lost):,} pairs have no outcome yet ({shown}): clear or rerun the compare tasks"
        )


def _without_attributes(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith(ATTRIBUTE_PREFIX)}


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
