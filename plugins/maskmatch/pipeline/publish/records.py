"""The row of a publication in `runs`, as text in the metadata of a file and back."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from maskmatch.storage.schemas import RUNS

Row = dict[str, Any]


def as_record(row: Mapping[str, Any]) -> Row:
    """Return a row as JSON values."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def as_row(record: Mapping[str, Any]) -> Row:
    """Read back what `as_record` gave; a column that it lacks is None."""
    return {field.name: _read(record.get(field.name), field.type) for field in RUNS}


def runs_table(rows: list[Row]) -> pa.Table:
    """Return the rows of a date as a table, oldest publication first."""
    rows = sorted(rows, key=lambda row: row["run_seq"])
    return pa.table({name: [row.get(name) for row in rows] for name in RUNS.names}, schema=RUNS)


def _read(value: Any, kind: pa.DataType) -> Any:
    if not isinstance(value, str) or not pa.types.is_temporal(kind):
        return value
    return datetime.fromisoformat(value) if pa.types.is_timestamp(kind) else date.fromisoformat(value)
