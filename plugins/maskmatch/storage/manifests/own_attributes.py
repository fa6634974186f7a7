"""The column `attributes` of our own tables, in a manifest that was made of their rows: columns again.

It is a map of texts, as DuckDB, polars and pyarrow write it back, or lists of pairs, as pandas does. Texts
are read as dictionaries, so that none is repeated in memory before it is cut.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError

NAME = "attributes"
MOST_VALUES = 1 << 25
"""Of one row group, some 400 MB if all are in one row; a group of a million rows has 30 attributes then."""


def is_ours(schema: pa.Schema) -> bool:
    """Return True if a file has the column in a form that is read."""
    if NAME not in schema.names:
        return False
    kind = schema.field(NAME).type
    if pa.types.is_map(kind):
        return _is_text(kind.key_type) and _is_text(kind.item_type)
    return _is_list(kind) and _is_list(kind.value_type) and _is_text(kind.value_type.value_type)


def paths_in(file: pq.ParquetFile) -> list[str]:
    """Return what the file calls the parts of the column; raise InputError for one that is too large."""
    found: dict[str, None] = {}
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema.startswith(f"{NAME}."):
                found[column.path_in_schema] = None
                if column.num_values > MOST_VALUES:
                    raise InputError(
                        f"column {NAME} has {column.num_values:,} values in a row group, at most "
                        f"{MOST_VALUES:,}: write smaller row groups"
                    )
    return list(found)


def columns_of(column: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Yield the name and the values of each attribute, in a row for each row of the column."""
    starts, names, values = _parts(column)
    if not len(names):
        return
    rows = np.repeat(np.arange(len(column)), np.diff(starts))
    codes = pc.fill_null(names.indices, -1).to_numpy(zero_copy_only=False)
    for code in np.unique(codes[codes >= 0]).tolist():
        places = np.flatnonzero(codes == code)[::-1]
        taken = np.full(len(column), -1)
        taken[rows[places]] = places
        yield str(names.dictionary[code]), values.take(pa.array(taken, mask=taken < 0))


def _parts(column: pa.Array) -> tuple["np.ndarray[tuple[int], np.dtype[np.int64]]", pa.Array, pa.Array]:
    """Return where each row begins among all names and values, and these."""
    starts = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    first, count = int(starts[0]), int(starts[-1] - starts[0])
    if pa.types.is_map(column.type):
        return starts - first, column.keys.slice(first, count), column.items.slice(first, count)
    pairs = column.values.slice(first, count)
    texts = pairs.flatten()
    if len(texts) != 2 * count or (count and not pc.all(pc.equal(pc.list_value_length(pairs), 2)).as_py()):
        raise InputError(f"column {NAME} holds lists that are no pairs of a name and a value")
    places = np.arange(0, 2 * count, 2)
    return starts - first, texts.take(pa.array(places)), texts.take(pa.array(places + 1))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
