"""A compact object: a parquet file with all rows of a journal, for readers of columns.

Its metadata name every segment that is in it, by writer, with the number of its rows:

    maskmatch.segments = {"0001-a1b2c3": [64, 61], "0002-9f8e7d": [12]}

So a reader knows exactly which ones it may leave out, whoever compacted at the same time, and a segment that
came late is never mistaken for one that is covered. A writer's rows begin with a row group.

Decision: docs/adr/0014-the-journal-says-every-call.md
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.errors import BooksError
from maskmatch.storage.journal.names import Writer
from maskmatch.storage.journal.records import FORMAT, FORMAT_KEY, REPEATED_COLUMNS, SCHEMA, check_format
from maskmatch.storage.object_stores import Store
from maskmatch.storage.object_stores.copying import copy_object

_GROUP_ROWS = 32_768
"""Some 16 MB in memory while it is gathered."""
_SEGMENTS_KEY = "maskmatch.segments"

Index = dict[Writer, list[int]]


class Pack:
    """A compact object in a local file."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        """Read the index; raise BooksError when it and the content disagree."""
        self.name = name
        try:
            self._file = pq.ParquetFile(file)
            metadata = self._file.metadata.metadata
            check_format(name, metadata[FORMAT_KEY.encode()].decode())
            found = json.loads(metadata[_SEGMENTS_KEY.encode()])
            self.index: Index = {Writer.parse(writer): [*rows] for writer, rows in found.items()}
            self._check_rows()
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise self._damaged(error) from error

    def _check_rows(self) -> None:
        rows = sum(map(sum, self.index.values()))
        if self._file.metadata.num_rows != rows:
            raise ValueError(f"it has {self._file.metadata.num_rows:,} rows and not {rows:,}")

    def held(self, writer: Writer) -> int:
        """Return how many segments of a writer are in it: those from 1 to this."""
        return len(self.index.get(writer, ()))

    def tables(self, writer: Writer, after: int, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """Yield the rows of a writer's segments after the first `after`; raise BooksError if damaged."""
        place = 0
        first, end = self._rows_of(writer, after)
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            start, stop = max(first - place, 0), min(end - place, rows)
            if start < stop:
                yield self._read(group, columns).slice(start, stop - start)
            place += rows

    def _rows_of(self, writer: Writer, after: int) -> tuple[int, int]:
        """Return the first row of a writer after so many segments, and where its rows end."""
        place = 0
        for each, sizes in self.index.items():
            if each == writer:
                return place + sum(sizes[:after]), place + sum(sizes)
            place += sum(sizes)
        return 0, 0

    def _read(self, group: int, columns: Sequence[str] | None) -> pa.Table:
        try:
            return self._file.read_row_group(group, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BooksError:
        text = " ".join(str(error).split())
        return BooksError(f"{self.name} is damaged ({text}): restore it, or plan with recompare")


@contextmanager
def fetched(store: Store, key: str) -> Iterator[Pack]:
    """Copy a compact object into a temporary file, so that memory does not grow with it."""
    with tempfile.TemporaryFile() as file:
        copy_object(store, key, file)
        file.seek(0)
        yield Pack(f"{store.uri}/{key}", file)


class PackWriter:
    """Writes a compact object into a local file; use as a context manager."""

    def __init__(self, path: str) -> None:
        self.index: Index = {}
        self._file = pq.ParquetWriter(
            path, SCHEMA, compression="zstd", use_dictionary=REPEATED_COLUMNS, store_schema=False
        )
        self._waiting: list[pa.Table] = []

    def add(self, writer: Writer, sizes: Sequence[int], tables: Iterator[pa.Table]) -> None:
        """Append segments of a writer; all of one writer come before those of the next."""
        if writer not in self.index:
            self._write()
        self.index.setdefault(writer, []).extend(sizes)
        for table in tables:
            self._waiting.append(table)
            if sum(waiting.num_rows for waiting in self._waiting) >= _GROUP_ROWS:
                self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the index."""
        self._write()
        segments = json.dumps({str(writer): rows for writer, rows in self.index.items()})
        self._file.add_key_value_metadata({FORMAT_KEY: FORMAT, _SEGMENTS_KEY: segments})
        self._file.close()

    def _write(self) -> None:
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting.clear()
