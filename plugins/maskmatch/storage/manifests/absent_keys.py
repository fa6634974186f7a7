"""JSON objects without the keys that each row must have, such as those of a file with names of its own."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.shown import shown
from maskmatch.storage.manifests.columns import Naming
from maskmatch.storage.manifests.records import Fault

_SHOWN_KEYS = 3


def absent_keys(columns: Mapping[str, pa.Array], count: int, naming: Naming) -> Iterator[Fault]:
    """Yield why rows have no such key, those of the first column first.

    `columns` are null where a row has no key; one with a value that is unknown has an empty text.
    """
    absent = {name: _absent(columns, name, count) for name in naming.required}
    if not any(len(rows) for rows in absent.values()):
        return
    others = {
        name: columns[target]
        for name, target in naming.mapped.items()
        if target.startswith(ATTRIBUTE_PREFIX) and target in columns
    }
    names = list(others)
    there = np.array([column.is_valid().to_numpy(zero_copy_only=False) for column in others.values()], bool)
    for column, rows in absent.items():
        for row in rows:
            found = [names[place] for place in np.flatnonzero(there[:, row])[:_SHOWN_KEYS]] if names else []
            yield Fault(row, column, _why(column, found, naming), f"{column}_missing")


def _absent(columns: Mapping[str, pa.Array], name: str, count: int) -> list[int]:
    if name not in columns:
        return list(range(count))
    rows: list[int] = np.flatnonzero(columns[name].is_null()).tolist()
    return rows


def _why(column: str, found: list[str], naming: Naming) -> str:
    if not found:
        return f"the row has no key {column}: add it"
    keys = ", ".join(map(shown, found))
    return f"the row has no key {column}; others are: {keys}; {naming.cure_of_missing(column, found)}"
