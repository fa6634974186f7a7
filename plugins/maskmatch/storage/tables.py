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

from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.storage.object_stores import Store

SCHEMA_VERSION = 1
_ROW_GROUP_ROWS = 131_072
_TEXT = pa.string()
_WORD = pa.dictionary(pa.int32(), pa.string())
_MONEY = pa.decimal128(14, 6)
_TIME = pa.timestamp("us", tz="UTC")


def _column(name: str, kind: pa.DataType, text: str) -> pa.Field:
    """Return a column that carries its description."""
    return pa.field(name, kind, metadata={"description": text})


OUTCOMES = pa.schema(
    [
        _column(
            "publication",
            _WORD,
            "Names plan and run; differs between any two publications, so a reader never mixes two.",
        ),
        _column("run_id", _WORD, "Airflow run, or command-line run, that published the row."),
        _column("pair_id", _TEXT, "The pair, from the manifest; null where the manifest has none."),
        _column(
            "row_id",
            _TEXT,
            "The row, whatever file, order or format it comes in; null for rows that are no pairs.",
        ),
        _column("manifest_file", _WORD, "Manifest below the folder of its date."),
        _column(
            "manifest_row",
            pa.int64(),
            "Line of the file (a csv header is line 1), row of the sheet; number from 1 in parquet, arrays.",
        ),
        _column("manifest_column", _WORD, "Column that made the row a bad row."),
        _column("reference_id", _TEXT, "Key or address of the reference image; null for bad rows."),
        _column("probe_id", _TEXT, "Key or address of the probe image; null for bad rows."),
        _column(
            "reference_content",
            _TEXT,
            "What the plan knew the image by: md5: and the tag of the store, or id: and its key or address.",
        ),
        _column("probe_content", _TEXT, "The same of the probe image."),
        _column("reference_subject_id", _TEXT, "Person on the reference image, from the manifest."),
        _column("probe_subject_id", _TEXT, "Person on the probe image, from the manifest."),
        _column(
            "is_mated",
            pa.bool_(),
            "Whether both images show one person, from the manifest; null where unknown.",
        ),
        _column("outcome", _WORD, "scored, failed or skipped."),
        _column("score", pa.float32(), "Similarity, 0 to 100; kept whatever the threshold."),
        _column("model_version", _WORD, "Version of the vendor's face model."),
        _column("quality_control", pa.int8(), "The vendor's quality check asked for, 0 (off) to 4 (strict)."),
        _column("threshold", pa.float32(), "Lowest score that counts as a match."),
        _column(
            "threshold_nominal_fmr",
            pa.float64(),
            "False match rate that the vendor names for this threshold.",
        ),
        _column("decision", _WORD, "match or non-match; null without a score."),
        _column("failure_class", _WORD, "biometric (failure to acquire), data or infrastructure."),
        _column("failure_code", _WORD, "Why there is no score; see below."),
        _column("vendor_code", _WORD, "The vendor's error code: what it answered, or would have."),
        _column("failure_message", _TEXT, "The reason in words, with the place or the image."),
        _column(
            "failed_side", _WORD, "reference or probe; null where it is not known: the vendor does not tell."
        ),
        _column(
            "is_open",
            pa.bool_(),
            "Whether the next run of the date tries the pair again: it was not for the bytes of an image.",
        ),
        _column(
            "result_source",
            _WORD,
            "api (a call of its own), preflight (settled before any call), verdict (an image failed in other "
            "pairs), dedup or swapped (another row with the same images, in the same order or the other) or "
            "reused (an earlier answer).",
        ),
        _column(
            "canonical_pair_id", _TEXT, "The other pair whose call settled this row; null: its own, or none."
        ),
        _column("attempts", pa.int32(), "Calls sent for the pair, refused ones included."),
        _column("billed_calls", pa.int32(), "Calls that the vendor certainly charges."),
        _column(
            "maybe_billed_calls", pa.int32(), "Calls whose answer never came: they may have been charged."
        ),
        _column("cost", _MONEY, "CNY for billed_calls at the first monthly tier."),
        _column("request_id", _TEXT, "The vendor's id of the last call."),
        _column(
            "answered_by",
            _WORD,
            "Who answered the last call, or the one taken over: the service's own name, else that of the "
            "connection, else the endpoint's host; null where no answer came.",
        ),
        _column("latency_ms", pa.float32(), "Milliseconds of the last call."),
        _column("call_order", pa.int64(), "Place in the seeded random order of calls."),
        _column("called_at", _TIME, "When the last call was sent, UTC."),
        _column("schema_version", pa.int16(), "Version of this table."),
    ]
)

RUNS = pa.schema(
    [
        _column(
            "publication",
            _TEXT,
            "Names plan and run; differs between any two publications, so a reader never mixes two.",
        ),
        _column("run_id", _TEXT, "Airflow run, or command-line run, that published the row."),
        _column("plan_id", _TEXT, "Plan that was compared."),
        _column("manifest_files", pa.int32(), "Number of manifests."),
        _column("manifest_rows", pa.int64(), "Number of their rows: scored + failed + skipped."),
        _column("scored", pa.int64(), "Rows with a score."),
        _column("failed", pa.int64(), "Rows with a reason."),
        _column("skipped", pa.int64(), "Rows not compared on purpose."),
        _column("failed_biometric", pa.int64(), "Failures to acquire."),
        _column("failed_data", pa.int64(), "Failures of images or rows."),
        _column("failed_infrastructure", pa.int64(), "Failures of network, service or store."),
        _column("attempts", pa.int64(), "Calls sent by this run, refused ones included."),
        _column("billed_calls", pa.int64(), "Calls of this run that the vendor certainly charges."),
        _column("maybe_billed_calls", pa.int64(), "Calls of this run whose answer never came."),
        _column("cost", _MONEY, "CNY for billed_calls at the first monthly tier."),
        _column(
            "threshold_nominal_fmr",
            pa.float64(),
            "False match rate that the vendor names for this threshold.",
        ),
        _column(
            "model_versions",
            _TEXT,
            "Versions of the face model that gave the scores; two only where the run was told to go on.",
        ),
        _column("first_called_at", _TIME, "First call of the run, UTC."),
        _column("last_called_at", _TIME, "Last call of the run, UTC."),
        _column("published_at", _TIME, "When the run published, UTC."),
        _column("maskmatch_version", _TEXT, "Version of this software."),
        _column("schema_version", pa.int16(), "Version of this table."),
    ]
)


def refused_key(day: date, publication: str) -> str:
    """Return where rows go that are not to replace the table of their date."""
    return f"outcomes/refused/ds={day.isoformat()}/{_file_name(publication)}.parquet"


def outcomes_key(day: date) -> str:
    """Return the object that holds the outcomes of a date."""
    return f"outcomes/current/ds={day.isoformat()}/data.parquet"


def outcomes_address(warehouse: Store, day: date) -> str:
    """Return where the outcomes of a date lie."""
    return f"{warehouse.uri}/{outcomes_key(day)}"


def runs_key(day: date, run_id: str) -> str:
    """Return the object that holds the row of one run."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"runs/current/ds={day.isoformat()}/{_file_name(run_id)}-{digest}.parquet"


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100]


def outcomes_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table in the order of pair ids; attr_ columns stand behind the others.

    A field that a row lacks is null.
    """
    attributes = sorted({name for row in rows for name in row if name.startswith(ATTRIBUTE_PREFIX)})
    schema = pa.schema([*OUTCOMES, *(pa.field(name, _TEXT) for name in attributes)])
    rows = sorted(rows, key=lambda row: (row.get("pair_id") or "", row["manifest_file"], row["manifest_row"]))
    return pa.table({name: [row.get(name) for row in rows] for name in schema.names}, schema=schema)


def write_outcomes(store: Store, key: str, table: pa.Table) -> None:
    """Write a table of outcomes whole: readers see the old object or the new one."""
    store.put(key, to_parquet(table))


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
