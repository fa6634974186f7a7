"""The tables analysts read: `outcomes`, one object per date, and `runs`, one object per run.

    outcomes/current/ds=2026-11-22/data.parquet     replaced whole by one PUT
    runs/current/ds=2026-11-22/<run>.parquet

Columns are only ever added. The date is in the path alone, as hive partitioning wants it.
"""

import hashlib
import io
import re
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.adapters.stores import Store
from maskmatch.core.pairs import ATTRIBUTE_PREFIX

SCHEMA_VERSION = 1
_ROW_GROUP_ROWS = 131_072
_TEXT = pa.string()
_WORD = pa.dictionary(pa.int32(), pa.string())
_MONEY = pa.decimal128(14, 6)
_TIME = pa.timestamp("us", tz="UTC")

OUTCOMES = pa.schema(
    [
        ("publication", _WORD),
        ("run_id", _WORD),
        ("pair_id", _TEXT),
        ("manifest_file", _WORD),
        ("manifest_row", pa.int64()),
        ("manifest_column", _WORD),
        ("reference_id", _TEXT),
        ("probe_id", _TEXT),
        ("reference_subject_id", _TEXT),
        ("probe_subject_id", _TEXT),
        ("is_mated", pa.bool_()),
        ("outcome", _WORD),
        ("score", pa.float32()),
        ("model_version", _WORD),
        ("quality_control", pa.int8()),
        ("threshold", pa.float32()),
        ("threshold_nominal_fmr", pa.float64()),
        ("decision", _WORD),
        ("failure_class", _WORD),
        ("failure_code", _WORD),
        ("vendor_code", _WORD),
        ("failure_message", _TEXT),
        ("failed_side", _WORD),
        ("retryable", pa.bool_()),
        ("result_source", _WORD),
        ("canonical_pair_id", _TEXT),
        ("attempts", pa.int32()),
        ("billed_calls", pa.int32()),
        ("maybe_billed_calls", pa.int32()),
        ("cost", _MONEY),
        ("request_id", _TEXT),
        ("latency_ms", pa.float32()),
        ("call_order", pa.int64()),
        ("called_at", _TIME),
        ("schema_version", pa.int16()),
    ]
)

RUNS = pa.schema(
    [
        ("publication", _TEXT),
        ("run_id", _TEXT),
        ("plan_id", _TEXT),
        ("manifest_files", pa.int32()),
        ("manifest_rows", pa.int64()),
        ("scored", pa.int64()),
        ("failed", pa.int64()),
        ("skipped", pa.int64()),
        ("failed_biometric", pa.int64()),
        ("failed_data", pa.int64()),
        ("failed_infrastructure", pa.int64()),
        ("failed_policy", pa.int64()),
        ("attempts", pa.int64()),
        ("billed_calls", pa.int64()),
        ("maybe_billed_calls", pa.int64()),
        ("cost", _MONEY),
        ("threshold_nominal_fmr", pa.float64()),
        ("first_called_at", _TIME),
        ("last_called_at", _TIME),
        ("published_at", _TIME),
        ("maskmatch_version", _TEXT),
        ("schema_version", pa.int16()),
    ]
)


def outcomes_key(day: date) -> str:
    """Return the object that holds the outcomes of a date."""
    return f"outcomes/current/ds={day.isoformat()}/data.parquet"


def runs_key(day: date, run_id: str) -> str:
    """Return the object that holds the row of one run."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return (
        f"runs/current/ds={day.isoformat()}/{re.sub(r'[^A-Za-z0-9._-]+', '_', run_id)[:100]}-{digest}.parquet"
    )


def outcomes_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table in the order of pair ids; attr_ columns stand behind the others.

    A field that a row lacks is null.
    """
    attributes = sorted({name for row in rows for name in row if name.startswith(ATTRIBUTE_PREFIX)})
    schema = pa.schema([*OUTCOMES, *(pa.field(name, _TEXT) for name in attributes)])
    rows = sorted(rows, key=lambda row: (row.get("pair_id") or "", row["manifest_file"], row["manifest_row"]))
    return pa.table({name: [row.get(name) for row in rows] for name in schema.names}, schema=schema)


def write_outcomes(store: Store, day: date, table: pa.Table) -> None:
    """Replace the outcomes of a date: readers see the old object or the new one."""
    store.put(outcomes_key(day), to_parquet(table))


def read_outcomes(store: Store, day: date) -> pa.Table:
    """Return the published outcomes of a date; raise ObjectMissing when there are none."""
    return pq.read_table(io.BytesIO(store.get(outcomes_key(day))))


def write_run(store: Store, day: date, row: dict[str, Any]) -> None:
    """Write the row of one run."""
    table = pa.table({name: [row.get(name)] for name in RUNS.names}, schema=RUNS)
    store.put(runs_key(day, row["run_id"]), to_parquet(table))


def to_parquet(table: pa.Table) -> bytes:
    """Return a table as a parquet file; the same table gives the same bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    return sink.getvalue()
