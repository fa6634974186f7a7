"""The tables analysts read: `outcomes`, one object per date, and `runs`, one object per run.

    outcomes/current/ds=2026-11-22/data.parquet     replaced whole by one PUT
    runs/current/ds=2026-11-22/<run>.parquet

Their columns are in `maskmatch.storage.schemas`.
"""

import hashlib
import io
import re
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.storage.object_stores import Store
from maskmatch.storage.schemas import OUTCOMES, RUNS

_ROW_GROUP_ROWS = 131_072


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
    """Return rows as a table in the order of pair ids; a field that a row lacks is null."""
    rows = sorted(rows, key=lambda row: (row.get("pair_id") or "", row["manifest_file"], row["manifest_row"]))
    return pa.table({name: [row.get(name) for row in rows] for name in OUTCOMES.names}, schema=OUTCOMES)


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
