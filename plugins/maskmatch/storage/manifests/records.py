"""What the reader of each format hands on: columns of text, and the records that could not be taken apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from maskmatch.storage.manifests.lines import Numbers


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is no row: its number and line in the file, and why."""

    record: int
    line: int | None
    why: str
    code: str = "row_malformed"
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that is missing or has no exact text: its row among those at hand, its column, and why."""

    row: int
    column: str
    why: str
    code: str = "value_invalid"


@dataclass(slots=True)
class Records:
    """Some records of a file as columns of text by what they are to us; null is a value that is not there."""

    columns: Mapping[str, pa.Array]
    records: Numbers
    lines: Numbers | None
    malformed: Sequence[Malformed] = ()
    faults: Sequence[Fault] = ()
    lacks_pair_id: bool = False
    """True where each record has columns of its own: one whose pair id is null has none."""

    @property
    def count(self) -> int:
        """Return the number of records."""
        return len(self.records)


def text_array(values: Sequence[str | None]) -> pa.Array:
    """Return texts as an array."""
    return pa.array(values, pa.string())


def in_order(parts: Sequence[Any], order: Numbers) -> pa.Array:
    """Return some arrays as one, in another order."""
    whole = pa.concat_arrays(
        [part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part for part in parts]
    )
    return whole.take(pa.array(order))


def runs(mask: Any) -> Iterator[tuple[int, int]]:
    """Yield (first, behind the last) of each run of True."""
    steps = np.diff(np.concatenate([[0], mask.view(np.int8), [0]]))
    yield from zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
