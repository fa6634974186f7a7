"""Answers in temporary files, so that ten million of them need little memory.

    journals ──scattered by their names──> some files ──each sorted, one answer to each name──> one file

Names of comparisons are digests: the first bits of them part answers evenly, and the parts follow each other
in the order of names.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from maskmatch.storage.journal.answers import ANSWERS
from maskmatch.storage.spools import PARTS, Nameless, ScatteredTables, room

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_PART_BITS = np.uint64(64 - (PARTS - 1).bit_length())
_GATHERED_ROWS = 65_536
"""Rows that are scattered together: some 1,000 for each part."""
_BATCH_ROWS = 4096
"""What is read to find one answer: some 0.5 ms."""
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


def halves(names: pa.FixedSizeBinaryArray) -> tuple[Words, Words]:
    """Return the first and last 8 bytes of names as numbers, which sort as the names do."""
    start = names.offset * names.type.byte_width
    numbers = np.frombuffer(names.buffers()[1], ">u8", 2 * len(names), start).reshape(-1, 2)
    return numbers[:, 0].astype(np.uint64), numbers[:, 1].astype(np.uint64)


class Scatter:
    """Takes answers in any order, and gives them back in the order of their names."""

    def __init__(self) -> None:
        self._files = ScatteredTables(ANSWERS)
        self._waiting: list[pa.Table] = []
        self.rows = 0

    def add(self, answers: pa.Table) -> None:
        """Take in a table of ANSWERS."""
        self._waiting.append(answers)
        self.rows += answers.num_rows
        if sum(table.num_rows for table in self._waiting) >= _GATHERED_ROWS:
            self._write()

    def sorted_parts(self) -> Iterator[pa.Table]:
        """Yield the answers in the order of their names, of each the last call; files go as they are read."""
        self._write()
        for number in range(PARTS):
            table = self._files.take(number)
            if table.num_rows:
                yield _last_of_each(table)

    def _write(self) -> None:
        gathered, self._waiting = self._waiting, []
        for batch in pa.concat_tables([ANSWERS.empty_table(), *gathered]).combine_chunks().to_batches():
            first, _ = halves(batch.column("comparison"))
            self._files.append(batch, (first >> _PART_BITS).astype(np.int64), PARTS)


def _last_of_each(table: pa.Table) -> pa.Table:
    first, last = halves(table["comparison"].combine_chunks())
    called_at = table["called_at"].cast(pa.int64()).fill_null(0).to_numpy()
    order = np.lexsort((called_at, last, first))
    first, last = first[order], last[order]
    is_end = np.append((first[1:] != first[:-1]) | (last[1:] != last[:-1]), True)
    return table.take(pa.array(order[is_end])).combine_chunks()


class AnswerFile:
    """Answers in one file, in the order of their names, which are in memory; for several threads."""

    def __init__(self, parts: Iterator[pa.Table], *, most: int) -> None:
        """Write the parts, of so many rows at most."""
        self._data = Nameless()
        names, count, sizes = np.empty((2, most), np.uint64), 0, [0]
        with (
            room(),
            pa.OSFile(self._data.path, "wb") as sink,
            pa.ipc.new_file(sink, ANSWERS, options=_LZ4) as file,
        ):
            for part in parts:
                end = count + part.num_rows
                names[:, count:end] = halves(part["comparison"].combine_chunks())
                for batch in part.to_batches(max_chunksize=_BATCH_ROWS):
                    file.write_batch(batch)
                    sizes.append(batch.num_rows)
                count = end
        self._first, self._last = names[:, :count]
        self._starts = np.cumsum(sizes)
        self._file = pa.ipc.open_file(pa.OSFile(self._data.path))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._first)

    def find(self, names: pa.FixedSizeBinaryArray) -> tuple[Places, pa.Table]:
        """Return the places of the names that are found, and as many rows of ANSWERS."""
        first, last = halves(names)
        order = np.argsort(first, kind="stable")
        rows = self._rows(first[order], last[order])
        is_found = rows >= 0
        return order[is_found], self._read(rows[is_found])

    def _rows(self, first: Words, last: Words) -> Places:
        """Return the row of each name, -1 for one that is not there."""
        rows = np.full(len(first), -1)
        at = np.searchsorted(self._first, first)
        while True:
            inside = at < len(self._first)
            inside[inside] &= self._first[at[inside]] == first[inside]
            if not inside.any():
                return rows
            hit = inside.copy()
            hit[inside] = self._last[at[inside]] == last[inside]
            rows[hit] = at[hit]
            at = np.where(inside & ~hit, at + 1, len(self._first))

    def _read(self, rows: Places) -> pa.Table:
        """Return rows, whose numbers ascend; a batch is read once for all of them."""
        batches = np.searchsorted(self._starts, rows, side="right") - 1
        found = []
        for number in np.unique(batches):
            start, end = np.searchsorted(batches, [number, number + 1])
            with self._lock:
                batch = self._file.get_batch(int(number))
            found.append(batch.take(pa.array(rows[start:end] - self._starts[number])))
        return pa.Table.from_batches(found, schema=ANSWERS)
