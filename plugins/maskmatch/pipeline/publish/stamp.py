"""What every row of one publication carries."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from maskmatch.storage.schemas import SCHEMA_VERSION
from maskmatch.storage.schemas.columns import WORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Names and choices of a publication; `time_zone` is that of the days for which the account is billed."""

    publication: str
    run_seq: int
    run_id: str
    logical_date: date
    nominal_fmr: float
    time_zone: str

    def values(self) -> dict[str, Any]:
        """Return the stamp by column."""
        return {
            "publication": self.publication,
            "run_id": self.run_id,
            "logical_date": self.logical_date,
            "schema_version": SCHEMA_VERSION,
        }


def constant(value: object, kind: pa.DataType, rows: int) -> pa.Array:
    """Return a column with one value in all rows."""
    if pa.types.is_dictionary(kind) and value is not None:
        places = pa.array(np.zeros(rows, np.int32))
        return pa.DictionaryArray.from_arrays(places, pa.array([value], kind.value_type))
    return pa.nulls(rows, kind) if value is None else pa.repeat(pa.scalar(value, kind), rows)


def typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column in the type that a table has for it."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.type == kind:
        return column
    return column.dictionary_encode().cast(kind) if kind == WORD else column.cast(kind)


def stamped(columns: dict[str, pa.Array], schema: pa.Schema, stamp: Stamp, rows: int) -> pa.Table:
    """Return a table with these columns, those of the stamp, and nulls in all others."""
    values = stamp.values()
    arrays = [
        typed(columns[field.name], field.type)
        if field.name in columns
        else constant(values.get(field.name), field.type, rows)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
