"""Answers in temporary files, so that ten million of them need little memory.

    journals ──scattered by their names──> some files ──each sorted, one answer to each name──> one file

Names of comparisons are digests: the first bits of them part answers evenly, and the parts follow each other
in the order of names.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskmatch.storage.journal.answers import ANSWERS

_PARTS = 64
"""Of ten million answers each has some 50 MB."""
_GATHERED_ROWS = 65_536
"""Rows that are scattered together: some 1,000 for each part."""
_BATCH_ROWS = 4096
"""What is read to find one answer: some 0.5 ms."""
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


def halves(names: pa.FixedSizeBinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last 8 bytes of names as numbers, which sort as the names do."""
    start = names.offset * names.type.byte_width
    numbers = np.frombuffer(names.buffers()[1], ">u8", 2 * len(names), start).reshape(-1, 2)
    return numbers[:, 0].astype(np.uint64), numbers[:, 1].astype(np.uint64)


class Scatter:
    """Takes answers in any order into files below a folder; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}
        self._waiting: list[pa.Table] = []

    def add(self, answers: pa.Table) -> None:
        """Take in a table of ANSWERS."""
        self._waiting.append(answers)
        if sum(table.num_rows for table in self._waiting) >= _GATHERED_ROWS:
            self._write()

    def __enter__(self) -> "Scatter":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._files.close()

    def sorted_parts(self) -> Iterator[pa.Table]:
        """Yield the answers in the order of their names, the last call of each; files go as they are read."""
        for number in sorted(self._writers):
            path = self._path(number)
            with pa.ipc.open_stream(path) as file:
                table = file.read_all()
            path.unlink()
            yield _last_of_each(table)

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting.clear()
        first, _ = halves(table["comparison"].combine_chunks())
        parts = (first >> np.uint64(58)).astype(np.intp)
        order = np.argsort(parts, kind="stable")
        table, ends = table.take(order), np.cumsum(np.bincount(parts, minlength=_PARTS))
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if start < end:
                self._writer(number).write_table(table.slice(start, end - start))

    def _writer(self, number: int) -> pa.RecordBatchStreamWriter:
        if number not in self._writers:
            writer = pa.ipc.new_stream(self._path(number), ANSWERS, options=_LZ4)
            self._writers[number] = self._files.enter_context(writer)
        return self._writers[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"part-{number:02d}.arrows"


def _last_of_each(table: pa.Table) -> pa.Table:
    table = table.combine_chunks()
    first, last = halves(table["comparison"].combine_chunks())
    called_at = table["called_at"].cast(pa.int64()).fill_null(0).to_numpy()
    order = np.lexsort((called_at, last, first))
    first, last = first[order], last[order]
    is_end = np.append((first[1:] != first[:-1]) | (last[1:] != last[:-1]), True)
    return table.take(order[is_end])


class AnswerFile:
    """Answers in one file, in the order of their names, which are in memory; for several threads."""

    def __init__(self, path: Path, parts: Iterator[pa.Table]) -> None:
        """Write the parts."""
        names: list[tuple[np.ndarray, np.ndarray]] = []
        sizes: list[int] = [0]
        with pa.ipc.new_file(path, ANSWERS, options=_LZ4) as file:
            for part in parts:
                names.append(halves(part["comparison"].combine_chunks()))
                for batch in part.combine_chunks().to_batches(max_chunksize=_BATCH_ROWS):
                    file.write_batch(batch)
                    sizes.append(batch.num_rows)
        empty = np.empty(0, np.uint64)
        self._first, self._last = (np.concatenate([empty, *(each[n] for each in names)]) for n in (0, 1))
        self._starts = np.cumsum(sizes)
        self._file = pa.ipc.open_file(pa.OSFile(str(path)))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._first)

    @property
    def names(self) -> tuple[np.ndarray, np.ndarray]:
        """Return both halves of all names."""
        return self._first, self._last

    def find(self, names: pa.FixedSizeBinaryArray) -> tuple[np.ndarray, pa.Table]:
        """Return the places of the names that are found, and as many rows of ANSWERS."""
        first, last = halves(names)
        order = np.argsort(first, kind="stable")
        first, last = first[order], last[order]
        rows = self._rows(first, last)
        is_found = rows >= 0
        return order[is_found], self._read(rows[is_found])

    def _rows(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
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

    def _read(self, rows: np.ndarray) -> pa.Table:
        """Return rows, whose numbers ascend; a batch is read once for all of them."""
        batches = np.searchsorted(self._starts, rows, side="right") - 1
        found = []
        for number in np.unique(batches):
            start, end = np.searchsorted(batches, [number, number + 1])
            with self._lock:
                batch = self._file.get_batch(int(number))
            found.append(batch.take(pa.array(rows[start:end] - self._starts[number])))
        return pa.Table.from_batches(found, schema=ANSWERS)
