"""Sixth step: each row moves once, to the part of the order where it will stand.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from maskmatch.core.side_steps import Behind
from maskmatch.pipeline.plan.naming import NamedRows, contents
from maskmatch.pipeline.plan.ordering import rows_per_part
from maskmatch.pipeline.plan.reading import ReadRows, numbered
from maskmatch.pipeline.plan.settling import window_of
from maskmatch.storage.pair_columns import FINGERPRINT, PAIR_COLUMNS
from maskmatch.storage.spools import ScatteredRecords, ScatteredTables

WINDOW_ROWS = 131_072
"""Rows of one part of the order, which is sorted in memory: some 60 MB with the sorted copy."""
MOST_WINDOWS = 256
"""Each is a file that is open; a hundred million rows make parts of 400,000."""
MOVED = pa.schema(
    [
        *PAIR_COLUMNS,
        FINGERPRINT,
        ("manifest_file", pa.int32()),
        ("reference_content", pa.string()),
        ("probe_content", pa.string()),
        ("order", pa.uint64()),
        ("row", pa.int64()),
        ("head", pa.int64()),
        ("ordinal", pa.int32()),
        ("kind", pa.uint8()),
        ("position", pa.float64()),
    ]
)
_DECIDED = ("order", "row", "head", "ordinal", "kind", "position")


def window_count(rows: int) -> int:
    """Return in how many parts so many rows are sorted."""
    return max(1, min(MOST_WINDOWS, -(-rows // WINDOW_ROWS)))


def move_rows(rows: ReadRows, named: NamedRows, placed: ScatteredRecords) -> ScatteredTables:
    """Return all rows that are pairs in the parts of the order."""
    windows, count, behind = ScatteredTables(MOVED), window_count(rows.count), Behind("plan-moving")
    for first, block, decided in _decided(rows, placed):
        if not len(decided):
            continue
        kept = decided["row"] - first
        places = named.tag_places.read(first, block.num_rows).take(kept)
        good = block.take(pa.array(kept))
        columns = [*good.columns, *contents(good, places, named.tags)]
        columns += [pa.array(np.ascontiguousarray(decided[name])) for name in _DECIDED]
        batch = pa.RecordBatch.from_arrays(columns, schema=MOVED)
        behind.do(windows.append, batch, window_of(decided["position"], count), count)
    behind.wait()
    return windows


def _decided(
    rows: ReadRows, placed: ScatteredRecords
) -> Iterator[tuple[int, pa.RecordBatch, "npt.NDArray[np.void]"]]:
    """Yield each block with the number of its first row, and what was decided on its rows, in order."""
    size, parts, number = rows_per_part(rows.count), placed.parts(), 0
    waiting = _in_order(next(parts))
    for first, block in numbered(rows.blocks.batches()):
        end = first + block.num_rows
        while (number + 1) * size < end:
            number += 1
            waiting = np.concatenate([waiting, _in_order(next(parts))])
        count = int(np.searchsorted(waiting["row"], end))
        yield first, block, waiting[:count]
        waiting = waiting[count:]


def _in_order(records: "npt.NDArray[np.void]") -> "npt.NDArray[np.void]":
    return records.take(np.argsort(records["row"]))
