"""The journal of a shard, brought into the order of its plan: window by window, of which one is in memory.

Decision: docs/adr/0027-publication.md
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.errors import BooksError
from maskmatch.pipeline.publish.attempts import JOURNAL_COLUMNS as OF_ATTEMPTS
from maskmatch.pipeline.publish.settled import JOURNAL_COLUMNS, settle
from maskmatch.storage.journal import scan_tables
from maskmatch.storage.journal.records import SCHEMA
from maskmatch.storage.object_stores import Store
from maskmatch.storage.spools import ScatteredTables

WINDOW_ROWS = 32_768
"""Pairs at a time: a quarter of a group of the table."""
_READ = list(dict.fromkeys([*OF_ATTEMPTS, *JOURNAL_COLUMNS]))
_KEPT = pa.schema([SCHEMA.field(name) for name in JOURNAL_COLUMNS])
_SHOWN = 5

Orders = npt.NDArray[np.int64]


def scan(store: Store, prefix: str) -> Iterator[pa.Table]:
    """Yield the rows of a journal, oldest first, with the columns that are needed."""
    return scan_tables(store, prefix, columns=_READ)


class Answers:
    """What the journal of a shard tells of its pairs, which have these call orders."""

    def __init__(self, orders: Orders) -> None:
        self._sorted = None if (np.diff(orders) > 0).all() else np.argsort(orders, kind="stable")
        self._orders = orders if self._sorted is None else orders[self._sorted]
        self._windows = -(-len(orders) // WINDOW_ROWS)
        self._is_settled = np.zeros(len(orders), bool)
        self._parts = ScatteredTables(pa.schema([*_KEPT, ("place", pa.int64())]))
        self._only: list[pa.Table] = []

    def read(self, tables: Iterator[pa.Table], note: Callable[[pa.Table], None]) -> None:
        """Take in all rows of a journal; `note` sees each part of it, too."""
        for table in tables:
            note(table)
            self._add(table)

    def unsettled(self) -> Orders:
        """Return the places of the pairs of which the journal tells nothing."""
        return np.flatnonzero(~self._is_settled)

    def settle(self, number: int, planned: pa.Table) -> pa.Table:
        """Return what became of the pairs of a window; each window can be asked for once."""
        rows = pa.concat_tables(self._only) if self._windows == 1 else self._parts.take(number)
        rows = rows.combine_chunks()
        places = rows["place"].to_numpy() - number * WINDOW_ROWS
        settled = settle(rows, places, len(planned))
        if not pc.all(pc.equal(settled["pair_id"], planned["pair_id"])).as_py():
            raise BooksError(
                "a journal tells of other pairs than its plan: plan the date again with recompare"
            )
        return settled

    def _add(self, table: pa.Table) -> None:
        places = self._places(table["call_order"])
        self._is_settled[places] = True
        rows = table.select(JOURNAL_COLUMNS).append_column("place", pa.array(places))
        if self._windows == 1:
            self._only.append(rows)
        elif rows.num_rows:
            (batch,) = rows.combine_chunks().to_batches()
            self._parts.append(batch, places // WINDOW_ROWS, self._windows)

    def _places(self, call_orders: pa.ChunkedArray) -> Orders:
        if call_orders.null_count or not len(self._orders):
            raise BooksError("a journal tells of pairs without a place in the order of calls")
        orders = call_orders.to_numpy()
        found = np.searchsorted(self._orders, orders)
        found[found == len(self._orders)] = 0
        if not np.array_equal(self._orders[found], orders):
            raise BooksError("a journal tells of pairs that its plan does not have")
        return np.asarray(found if self._sorted is None else self._sorted[found])


def windows(batches: Iterator[pa.RecordBatch], rows: int = WINDOW_ROWS) -> Iterator[pa.Table]:
    """Yield batches in portions of so many rows; the last may be smaller."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, rows).combine_chunks()
            waiting = table.slice(rows).to_batches()
            count -= rows
    if count:
        yield pa.Table.from_batches(waiting).combine_chunks()


def nothing_yet(names: list[str], count: int) -> BooksError:
    """Return what is raised for pairs without an outcome."""
    shown = ", ".join(names[:_SHOWN])
    return BooksError(f"{count:,} pairs have no outcome yet ({shown}): clear or rerun the compare tasks")
