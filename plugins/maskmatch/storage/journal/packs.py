r"""A compact object: an index in its first line, then the segments as they were.

    {"segments": {"0001-a1b2c3": [512, 498], "0002-9f8e7d": [120]}}     sizes in bytes, by writer
    {"run_id": ...}\n{"run_id": ...}\n ...

Because the index names every segment, a reader knows exactly which ones it may leave out, whoever compacted
at the same time, and a segment that came late is never mistaken for one that is covered.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from maskmatch.core.errors import BooksError, Unavailable
from maskmatch.storage.journal.names import Writer
from maskmatch.storage.object_stores import Store

_TRIES = 3

Index = dict[Writer, list[int]]


class Pack:
    """A compact object in a local file."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        """Read the index; raise BooksError when it and the content disagree."""
        self.name = name
        self._file = file
        try:
            found = json.loads(file.readline())["segments"]
            self.index: Index = {Writer.parse(writer): [*sizes] for writer, sizes in found.items()}
            self._starts = self._places(file.tell())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BooksError(f"{name} is damaged ({error}): restore it, or plan with recompare") from error

    def _places(self, start: int) -> dict[Writer, int]:
        starts = {}
        for writer, sizes in self.index.items():
            starts[writer] = start
            start += sum(sizes)
        if (end := self._file.seek(0, 2)) != start:
            raise ValueError(f"it has {end:,} bytes and not {start:,}")
        return starts

    def held(self, writer: Writer) -> int:
        """Return how many segments of a writer are in it: those from 1 to this."""
        return len(self.index.get(writer, ()))

    def texts(self, writer: Writer, after: int) -> Iterator[bytes]:
        """Yield the segments of a writer that follow the first `after`."""
        place = self._starts[writer] + sum(self.index[writer][:after])
        for size in self.index[writer][after:]:
            self._file.seek(place)
            yield self._file.read(size)
            place += size


@contextmanager
def fetched(store: Store, key: str) -> Iterator[Pack]:
    """Copy a compact object into a temporary file, so that memory does not grow with it."""
    with tempfile.TemporaryFile() as file:
        for left in reversed(range(_TRIES)):
            try:
                file.seek(0)
                file.truncate()
                with store.open(key) as body:
                    shutil.copyfileobj(body, file, 1 << 20)
                break
            except Unavailable:
                if not left:
                    raise
        file.seek(0)
        yield Pack(f"{store.uri}/{key}", file)


def write_pack(index: Index, body: IO[bytes], target: IO[bytes]) -> None:
    """Write index and body into a file, as a compact object."""
    segments = {str(writer): sizes for writer, sizes in index.items()}
    target.write(json.dumps({"segments": segments}).encode() + b"\n")
    body.seek(0)
    shutil.copyfileobj(body, target, 1 << 20)
    target.flush()
