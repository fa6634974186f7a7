"""Files of one step in the temporary folder, which have no name: they end with the process, however it ends.

FixedWidthFile        records of fixed width, read from any place
ScatteredRecords  the same in 64 parts, each small enough for memory
TableFile         batches of columns, read in the order in which they were written
ParquetFile       a parquet file that becomes an object
"""

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from maskmatch.core.errors import Unavailable
from maskmatch.storage.fetching import SPARE_BYTES

Records = npt.NDArray[Any]

PARTS = 64
"""Of ten million records each is of some 160,000; a process may have 1024 files open."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REPEATED = ["attributes.key_value.key", "attributes.key_value.value", "manifest_file", "result_source"]
"""Columns with few values, which a dictionary makes small; of the others it would cost time alone."""
_PACKED = ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class Nameless:
    """A file without a name, with an address for libraries that open files themselves.

    It is gone when nobody holds it any more.
    """

    def __init__(self) -> None:
        with room(), tempfile.TemporaryFile("w+b") as file:
            self._number = os.dup(file.fileno())
        self.path = f"/proc/self/fd/{self._number}"
        self._close = weakref.finalize(self, os.close, self._number)

    def write(self, data: bytes) -> None:
        """Write bytes at the end; raise Unavailable when the disk is full."""
        with room():
            view = memoryview(data)
            while view:
                view = view[os.write(self._number, view) :]

    def read(self, start: int, size: int) -> bytes:
        """Return bytes from a place."""
        found = b""
        while len(found) < size and (more := os.pread(self._number, size - len(found), start + len(found))):
            found += more
        return found

    def close(self) -> None:
        """Give the room on the disk back."""
        self._close()


@contextmanager
def room() -> Iterator[None]:
    """Raise Unavailable, with the cure, where the temporary folder is full."""
    folder = Path(tempfile.gettempdir())
    full = Unavailable(
        f"{folder} has no room for the files of a plan: free it, or let TMPDIR name a larger disk"
    )
    if shutil.disk_usage(folder).free < SPARE_BYTES:
        raise full
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise full from error


class FixedWidthFile:
    """Records of one numpy type, one behind the other."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self._file = Nameless()
        self._kind = kind
        self.count = 0

    def append(self, records: Records) -> None:
        """Write records at the end."""
        self._file.write(np.ascontiguousarray(records, self._kind).tobytes())
        self.count += len(records)

    def read(self, start: int = 0, count: int | None = None) -> Records:
        """Return records from a place, to the end if no number is given."""
        count = self.count - start if count is None else min(count, self.count - start)
        data = self._file.read(start * self._kind.itemsize, count * self._kind.itemsize)
        return np.frombuffer(data, self._kind)

    def close(self) -> None:
        """Give the room on the disk back."""
        self._file.close()


class ScatteredRecords:
    """Records in `PARTS` parts; which part is said with each. A part without records has no file."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self._kind = kind
        self._files: dict[int, FixedWidthFile] = {}

    def append(self, records: Records, parts: npt.NDArray[Any]) -> None:
        """Write each record into its part."""
        for part, (first, last), order in _slices(parts, PARTS):
            if part not in self._files:
                self._files[part] = FixedWidthFile(self._kind)
            self._files[part].append(records.take(order[first:last]))  # ten times as fast as [...]

    def parts(self, *, keep: bool = False) -> Iterator[Records]:
        """Yield the records of each part; it is gone then, unless it is kept."""
        for part in range(PARTS):
            file = self._files.get(part) if keep else self._files.pop(part, None)
            yield file.read() if file else np.empty(0, self._kind)
            if file and not keep:
                file.close()
        give_memory_back()


class TableFile:
    """Batches of columns on disk."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._file = Nameless()
        self._writer = ipc.new_stream(pa.OSFile(self._file.path, "wb"), schema, options=_PACKED)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write a batch."""
        with room():
            self._writer.write_batch(batch)

    def finish(self) -> None:
        """End the file, which is read from now on."""
        with room():
            self._writer.close()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the batches, with some of the columns alone if any are named."""
        wanted = [self.schema.get_field_index(name) for name in columns] if columns else None
        options = ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
        with pa.OSFile(self._file.path, "rb") as source, ipc.open_stream(source, options=options) as reader:
            yield from reader

    def close(self) -> None:
        """Give the room on the disk back."""
        self._file.close()


class ScatteredTables:
    """Batches of one schema in files by number; one to which nothing was written has no file."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._files: dict[int, TableFile] = {}

    def append(self, batch: pa.RecordBatch, places: npt.NDArray[Any], count: int) -> None:
        """Write each row into the file at its place, one of so many."""
        order = np.argsort(places, kind="stable")
        batch = batch.take(pa.array(order))
        for place, (first, last), _ in _slices(places[order], count):
            if place not in self._files:
                self._files[place] = TableFile(self._schema)
            self._files[place].append(batch.slice(first, last - first))

    def take(self, place: int) -> pa.Table:
        """Return the rows of a file, which is gone then."""
        if (file := self._files.pop(place, None)) is None:
            return self._schema.empty_table()
        file.finish()
        give_memory_back()  # of the part before
        table = pa.Table.from_batches(file.batches(), self._schema)
        file.close()
        return table


class ParquetFile:
    """A parquet file that is written group by group and then put into a store."""

    def __init__(self, schema: pa.Schema) -> None:
        self._file = Nameless()
        self._writer = pq.ParquetWriter(
            self._file.path, schema, compression="zstd", compression_level=1, use_dictionary=_REPEATED
        )
        self.rows = 0

    def append(self, table: pa.Table) -> None:
        """Write a group of rows."""
        with room():
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def finish(self, put: Callable[[str], None]) -> None:
        """Hand the path of the file, which is whole now, to whoever puts it; it is gone then."""
        with room():
            self._writer.close()
        put(self._file.path)
        self._file.close()


def give_memory_back() -> None:
    """Let the system have what is free: Arrow keeps its own, the C library that of numpy and parquet."""
    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()


def _slices(
    places: npt.NDArray[Any], count: int
) -> Iterator[tuple[int, tuple[int, int], npt.NDArray[np.int64]]]:
    """Yield each place that occurs, and where its rows stand in an order of all rows, and that order."""
    order = np.argsort(places, kind="stable")
    ends = np.searchsorted(places[order], np.arange(count + 1))
    for place in np.flatnonzero(ends[1:] > ends[:-1]).tolist():
        yield place, (int(ends[place]), int(ends[place + 1])), order
