"""The kinds of columns, and what a parquet file says about them besides their type.

A plain `pandas.read_parquet` makes objects or floats of booleans and integers with nulls, and of dates. It
does not where the file names the pandas type, as pandas does itself when it writes (key `pandas` of the
file). Descriptions stand at each field, where pyarrow sees them, and under the key `maskmatch.columns` as
JSON, where DuckDB and polars do.

Decision: docs/adr/0028-tables-that-every-reader-reads.md
"""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
WORD = pa.dictionary(pa.int32(), pa.string())
"""A text with few values."""
FLAG = pa.bool_()
DATE = pa.date32()
TIME = pa.timestamp("us", tz="UTC")
MONEY = pa.float64()
"""CNY. Each amount is a multiple of 0.0001: its float, and sums of millions of them, round to it exactly."""
ATTRIBUTES = pa.map_(pa.string(), pa.string())
COLUMNS_KEY = b"maskmatch.columns"
"""Descriptions by column, as JSON, in the metadata of a file."""
_PANDAS = {
    pa.bool_(): ("bool", "boolean"),
    pa.int8(): ("int8", "Int8"),
    pa.int16(): ("int16", "Int16"),
    pa.int32(): ("int32", "Int32"),
    pa.int64(): ("int64", "Int64"),
    DATE: ("date", "date32[day][pyarrow]"),
}
"""What pandas calls a type, and the one that its column is to have: https://pandas.pydata.org/docs/development/developer.html"""


def column(name: str, kind: pa.DataType, text: str) -> pa.Field:
    """Return a column that carries its description."""
    return pa.field(name, kind, metadata={"description": text})


def table_schema(text: str, fields: Sequence[pa.Field]) -> pa.Schema:
    """Return the schema of a table with what its files say about it."""
    return pa.schema(fields, metadata=_file_metadata(text, fields))


def description(field: pa.Field) -> str:
    """Return what a column means."""
    return str(field.metadata[b"description"].decode())


def days_of(times: pa.Array, time_zone: str) -> pa.Array:
    """Return the calendar days of moments in a time zone, such as Asia/Shanghai; null where there is none."""
    local = times.cast(pa.timestamp("us", tz=time_zone))
    return pc.local_timestamp(local).cast(pa.timestamp("s"), safe=False).cast(DATE, safe=False)


def _file_metadata(text: str, fields: Sequence[pa.Field]) -> Mapping[bytes, bytes]:
    return {
        b"description": text.encode(),
        COLUMNS_KEY: json.dumps({field.name: description(field) for field in fields}).encode(),
        b"pandas": json.dumps(
            {
                "index_columns": [],
                "column_indexes": [],
                "columns": [_pandas_column(field) for field in fields if field.type in _PANDAS],
                "pandas_version": "3.1.1",
            }
        ).encode(),
    }


def _pandas_column(field: pa.Field) -> dict[str, str | None]:
    kind, wanted = _PANDAS[field.type]
    return {
        "name": field.name,
        "field_name": field.name,
        "pandas_type": kind,
        "numpy_type": wanted,
        "metadata": None,
    }
