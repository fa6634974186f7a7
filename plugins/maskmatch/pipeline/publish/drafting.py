"""From a plan and its journals to the files of the tables, shard by shard and window by window.

Decision: docs/adr/0027-publication.md
"""

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Source
from maskmatch.core.planning import Plan, Shard
from maskmatch.pipeline.publish import outcomes
from maskmatch.pipeline.publish.attempts import attempt_rows
from maskmatch.pipeline.publish.books import Books
from maskmatch.pipeline.publish.images import ImageCounts
from maskmatch.pipeline.publish.journals import Answers, nothing_yet, scan, windows
from maskmatch.pipeline.publish.outcomes import Rows
from maskmatch.pipeline.publish.stamp import Stamp
from maskmatch.storage import plans
from maskmatch.storage.fetching import fetched
from maskmatch.storage.object_stores import Store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.spools import give_memory_back
from maskmatch.storage.table_files import LOOKED_UP, TableWriter

log = logging.getLogger(__name__)

_BATCH_ROWS = 16_384


@dataclass(slots=True)
class Draft:
    """The files of `outcomes`, `attempts` and `images` of one publication, and its books."""

    stamp: Stamp
    salt: int
    files: dict[str, TableWriter] = field(init=False)
    books: Books = field(init=False)
    images: ImageCounts = field(default_factory=ImageCounts)

    def __post_init__(self) -> None:
        self.books = Books(self.stamp.run_id)
        self.files = {
            table: TableWriter(TABLES[table], salt=self.salt, looked_up=columns)
            for table, columns in LOOKED_UP.items()
        }

    def write(self, warehouse: Store, plan: Plan) -> None:
        """Write all rows of a plan, all calls of its date; raise BooksError while pairs lack an outcome."""
        for shard in plan.shards:
            for rows in self._shard(warehouse, shard):
                self._add(rows)
        for bad in _tables(warehouse, plan.bad_rows_key):
            self._add(outcomes.bad_rows(bad, self.stamp))
        mine = {plans.journal_prefix(shard.key) for shard in plan.shards}
        for prefix in plans.journals_of(warehouse, plan.day):
            if prefix not in mine:
                self._add_other_calls(warehouse, prefix)
        for table in self.images.rows(self.stamp):
            self.files["images"].add(table)

    def close(self) -> None:
        """Give the room on the disk back."""
        for file in self.files.values():
            file.close()

    def _add(self, rows: Rows) -> None:
        if rows.table.num_rows:
            self.books.add_rows(rows.table)
            self.images.add(rows)
            self.files["outcomes"].add(rows.table)

    def _add_other_calls(self, warehouse: Store, prefix: str) -> None:
        """Write the calls of another plan of the date, as far as they can be read."""
        try:
            for table in scan(warehouse, prefix):
                self._add_calls(table, prefix)
        except BooksError as error:
            log.warning("the calls of another plan are not in attempts: %s", error)

    def _add_calls(self, journal: pa.Table, prefix: str) -> None:
        self.books.add_calls(journal)
        self.files["attempts"].add(attempt_rows(journal, prefix, self.stamp))

    def _shard(self, warehouse: Store, shard: Shard) -> Iterator[Rows]:
        """Yield the rows of a shard: each window of its calls, and behind it what these settle."""
        prefix = plans.journal_prefix(shard.key)
        rest = _Rest(warehouse, shard, self.stamp)
        with fetched(warehouse, shard.key) if shard.pairs else nullcontext() as path:
            answers = Answers(_orders(path))
            answers.read(scan(warehouse, prefix), lambda table: self._add_calls(table, prefix))
            if path:
                _check_settled(path, answers)
                for number, planned in enumerate(windows(_batches_in(path))):
                    settled = answers.settle(number, planned)
                    yield outcomes.called_rows(planned, settled, self.stamp)
                    yield from rest.settled_by(planned["pair_id"], settled)
                    give_memory_back()
        yield from rest.skipped()
        if shard.known:
            for known in _tables(warehouse, shard.known_key):
                yield outcomes.known_rows(known, self.stamp)


class _Rest:
    """The rows of a shard that need no call; they stand in the order of the calls that settle them."""

    def __init__(self, warehouse: Store, shard: Shard, stamp: Stamp) -> None:
        self._tables = _tables(warehouse, shard.rest_key) if shard.rest else iter(())
        self._waiting: pa.Table | None = None
        self._stamp = stamp

    def settled_by(self, called: pa.ChunkedArray, settled: pa.Table) -> Iterator[Rows]:
        """Yield the rows that pairs with these ids settle, by what these came to."""
        called = called.combine_chunks()
        while (rows := self._next()) is not None:
            is_skipped = pc.equal(rows["result_source"], Source.PREFLIGHT)
            by = pc.coalesce(rows["canonical_pair_id"], rows["pair_id"])
            place = pc.index_in(by, value_set=called)
            is_mine = pc.and_(pc.is_valid(place), pc.invert(is_skipped))
            if pc.any(is_skipped).as_py():
                yield outcomes.skipped_rows(rows.filter(is_skipped), self._stamp)
            if pc.any(is_mine).as_py():
                heads = settled.take(place.filter(is_mine).combine_chunks())
                yield outcomes.rest_rows(rows.filter(is_mine), heads, self._stamp)
            others = rows.filter(pc.invert(pc.or_(is_mine, is_skipped)))
            if others.num_rows:  # their calls stand behind
                self._waiting = others
                return

    def skipped(self) -> Iterator[Rows]:
        """Yield what is left and skipped; raise BooksError for a row whose call is not there."""
        while (rows := self._next()) is not None:
            if not pc.all(pc.equal(rows["result_source"], Source.PREFLIGHT)).as_py():
                raise BooksError(
                    "rows of a plan are settled by pairs that it does not have: plan the date again"
                )
            yield outcomes.skipped_rows(rows, self._stamp)

    def _next(self) -> pa.Table | None:
        if self._waiting is not None:
            rows, self._waiting = self._waiting, None
            return rows
        return next(self._tables, None)


def _check_settled(path: Path, answers: Answers) -> None:
    """Raise BooksError, naming some of them, while pairs lack an outcome."""
    if len(lost := answers.unsettled()):
        ids = _column(path, "pair_id")
        raise nothing_yet(ids.take(pa.array(lost[:5])).to_pylist(), len(lost))


def _orders(path: Path | None) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.asarray(_column(path, "call_order")) if path else np.empty(0, np.int64)


def _column(path: Path, name: str) -> pa.ChunkedArray:
    return pq.ParquetFile(path, pre_buffer=False).read([name], use_threads=False)[name]


def _tables(warehouse: Store, key: str) -> Iterator[pa.Table]:
    for batch in _batches(warehouse, key):
        yield pa.Table.from_batches([batch])


def _batches(warehouse: Store, key: str) -> Iterator[pa.RecordBatch]:
    with fetched(warehouse, key) as path:
        yield from _batches_in(path)


def _batches_in(path: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(path, pre_buffer=False).iter_batches(_BATCH_ROWS, use_threads=False)
