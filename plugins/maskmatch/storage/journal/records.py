"""What came of each call, as rows: JSON lines while a night runs, columns when a shard is complete.

    {"maskmatch.journal": "3", "rows": 2}          version of the format, and how many rows follow
    {"run_id": ..., "pair_id": ..., "attempt": 1, "billed": "yes", "called_at": ..., ...}
    {"run_id": ..., "pair_id": ..., "attempt": 1, "billed": "perhaps", ...}

A row is a call, or the end of a pair that took none: it has no `attempt`, and tells of the call, if any,
whose answer it took over.

Decision: docs/adr/0014-the-journal-says-every-call.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.json as pj

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Source

FORMAT = "3"
FORMAT_KEY = "maskmatch.journal"
_TIME = pa.timestamp("us", tz="UTC")
_IMAGE = {
    "store_host": pa.string(),
    "image_id": pa.string(),
    "tag": pa.string(),
    "md5": pa.string(),
    "sha256": pa.string(),
    "size": pa.int64(),
    "load_ms": pa.float64(),
}
SCHEMA = pa.schema(
    {
        "run_id": pa.string(),
        "account": pa.string(),
        "image_policy": pa.string(),
        "shard_try": pa.int32(),
        "call_order": pa.int64(),
        "manifest_row": pa.int64(),
        "pair_id": pa.string(),
        "quality_control": pa.int8(),
        "attempt": pa.int32(),
        "billed": pa.string(),
        "called_at": _TIME,
        "answered_at": _TIME,
        "latency_ms": pa.float64(),
        "bytes_sent": pa.int64(),
        "request_id": pa.string(),
        "answered_by": pa.string(),
        "score": pa.float64(),
        "model_version": pa.string(),
        "failure_class": pa.string(),
        "failure_code": pa.string(),
        "failure_message": pa.string(),
        "vendor_code": pa.string(),
        "failed_side": pa.string(),
        "result_source": pa.string(),
        "canonical_pair_id": pa.string(),
        **{f"{side}_{name}": kind for side in Side for name, kind in _IMAGE.items()},
    }
)
OUTCOME_COLUMNS = [name for name in SCHEMA.names if not name.startswith(tuple(f"{side}_" for side in Side))]
"""All but what is known of the images."""
REPEATED_COLUMNS = [
    "run_id", "account", "image_policy", "shard_try", "attempt", "billed", "answered_by", "model_version",
    "quality_control",
    "failure_class", "failure_code", "failure_message", "vendor_code", "failed_side", "result_source",
    "reference_store_host", "probe_store_host",
]  # fmt: skip
"""Columns with few values, which a dictionary makes small; of the others it would cost time alone."""
_OF_REFERENCE, _OF_PROBE = ([f"{side}_{name}" for name in _IMAGE] for side in Side)
_facts_of = attrgetter(*_IMAGE)
_ENCODER = msgspec.json.Encoder()
_TIMES = [field.name for field in SCHEMA if field.type == _TIME]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CALLS = Calls()
_AT_ONCE = 200
"""Rows that become Python objects in one go."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What holds for all calls of one try: its run, its account, and how images reach the service."""

    run_id: str
    account: str | None = None
    image_policy: str | None = None


def to_lines(outcomes: Sequence[Outcome], origin: Origin, *, shard_try: int) -> bytes:
    """Return outcomes, each with one call at most, as a segment; `origin` made them, in one try."""
    begin = _encoded(asdict(origin) | {"shard_try": shard_try}).removesuffix(b"}")
    lines = [begin + b"," + _encoded(_row(outcome)).removeprefix(b"{") for outcome in outcomes]
    return b"\n".join((_encoded({FORMAT_KEY: FORMAT, "rows": len(lines)}), *lines, b""))


def lines_of(name: str, segment: bytes) -> bytes:
    """Return the lines of a segment; raise BooksError for another format, ValueError, KeyError if damaged."""
    head, _, lines = segment.partition(b"\n")
    facts = msgspec.json.decode(head, type=dict[str, Any])
    check_format(name, facts[FORMAT_KEY])
    if (rows := lines.count(b"\n")) != facts["rows"]:
        raise ValueError(f"it has {rows:,} rows and not {facts['rows']:,}")
    return lines


def table_of(lines: Sequence[bytes]) -> pa.Table:
    """Return the rows of segments; raise ValueError if they are damaged.

    Each time costs as much as some hundred rows.
    """
    text = b"".join(lines)
    table = pj.read_json(
        pa.BufferReader(text),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error"),
    )
    if table.num_rows != text.count(b"\n"):
        raise ValueError(f"{len(lines):,} segments hold {table.num_rows:,} rows")
    return table


def outcomes_of(table: pa.Table) -> Iterator[tuple[str, Outcome]]:
    """Yield run id and outcome of each row; raise ValueError or KeyError for what no journal holds."""
    table = table.select(OUTCOME_COLUMNS)
    for name in _TIMES:  # as numbers: to make them datetimes Arrow would import pandas
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.int64()))
    for batch in table.to_batches(max_chunksize=_AT_ONCE):  # no other thread can go on meanwhile
        for record in batch.to_pylist():
            yield record["run_id"], _outcome(record)


def check_format(name: str, found: str) -> None:
    """Raise BooksError unless an object has this format."""
    if found != FORMAT:
        raise BooksError(
            f"{name} has format {found}, and this version of maskmatch reads {FORMAT}: finish the date with "
            "the version that wrote it, or plan it with recompare, which calls all its pairs again"
        )


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _encoded(row: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(row)
    except UnicodeEncodeError:  # half of a character, as an answer in JSON may hold
        whole = {
            name: value.encode(errors="replace").decode() if isinstance(value, str) else value
            for name, value in row.items()
        }
        return _ENCODER.encode(whole)


def _row(outcome: Outcome) -> dict[str, Any]:
    calls = outcome.calls
    row: dict[str, Any] = {
        "call_order": outcome.call_order,
        "manifest_row": outcome.manifest_row,
        "pair_id": outcome.pair_id,
        "quality_control": outcome.quality_control,
        "score": outcome.score,
        "model_version": _text(outcome.model_version),
        "result_source": outcome.source,
        "canonical_pair_id": outcome.canonical_pair_id,
    }
    if outcome.reason:
        row |= _reason_columns(outcome.reason)
    if calls.attempts or calls.answered_by is not None:
        row |= _call_columns(calls)
    if facts := outcome.images.reference:
        row |= zip(_OF_REFERENCE, _facts_of(facts), strict=True)
    if facts := outcome.images.probe:
        row |= zip(_OF_PROBE, _facts_of(facts), strict=True)
    return row


def _reason_columns(reason: Reason) -> dict[str, Any]:
    return {
        "failure_class": reason.failure_class,
        "failure_code": reason.code,
        "failure_message": reason.message,
        "vendor_code": _text(reason.vendor_code),
        "failed_side": reason.side,
    }


def _call_columns(calls: Calls) -> dict[str, Any]:
    if calls.attempts > 1:
        raise ValueError(f"a row is one call, not {calls.attempts}")
    is_own = calls.attempts == 1
    return {
        "attempt": (calls.attempt or 1) if is_own else None,
        "billed": _billed(calls) if is_own else None,
        "called_at": calls.called_at,
        "answered_at": calls.answered_at,
        "latency_ms": calls.latency_ms,
        "bytes_sent": calls.bytes_sent,
        "request_id": _text(calls.request_id),
        "answered_by": calls.answered_by,
    }


def _billed(calls: Calls) -> str:
    return "yes" if calls.billed else "perhaps" if calls.maybe_billed else "no"


def _text(value: object) -> str | None:
    """Return a text: an answer may hold a number where one belongs."""
    return value if value is None or isinstance(value, str) else str(value)


def _outcome(record: dict[str, Any]) -> Outcome:
    return Outcome(
        pair_id=record["pair_id"],
        score=record["score"],
        model_version=record["model_version"],
        reason=_reason(record),
        source=Source(record["result_source"]),
        calls=_calls(record),
        call_order=record["call_order"],
        manifest_row=record["manifest_row"],
        quality_control=record["quality_control"],
        canonical_pair_id=record["canonical_pair_id"],
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


def _calls(record: dict[str, Any]) -> Calls:
    if record["attempt"] is None and record["answered_by"] is None:
        return _NO_CALLS
    return Calls(
        attempts=int(record["attempt"] is not None),
        billed=int(record["billed"] == "yes"),
        maybe_billed=int(record["billed"] == "perhaps"),
        attempt=record["attempt"],
        called_at=_time(record["called_at"]),
        answered_at=_time(record["answered_at"]),
        latency_ms=record["latency_ms"],
        bytes_sent=record["bytes_sent"],
        request_id=record["request_id"],
        answered_by=record["answered_by"],
    )
