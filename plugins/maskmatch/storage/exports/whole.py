"""From published tables to one file, which is there whole or not at all.

    with Tables(warehouse, days) as tables:
        write_whole(target, (lines of tables.blocks(...)))

The tables are brought to local disk first: what is read is one publication of each date, whatever is
published meanwhile.

Decision: docs/adr/0026-exports-say-what-a-form-cannot-hold.md
"""

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.shown import plain
from maskmatch.storage.object_stores import Store
from maskmatch.storage.object_stores.copying import copy_object
from maskmatch.storage.object_stores.temporary import remove_leftovers, temporary_file
from maskmatch.storage.tables import current_key, outcomes_address

log = logging.getLogger(__name__)

ATTRIBUTES = "attributes"
_DS = pa.field("ds", pa.date32())
_PREFIX = "maskmatch-export-"
_BLOCK_ROWS = 16_384
"""At most; 40 columns of them as text take about 10 MB."""
_MOST_BYTES_OF_A_PUT = 5 * 1024**3
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""


class Target(NamedTuple):
    """Where a file is to be: an object of a store, or a path of this host."""

    address: str
    path: Path | None = None
    store: Store | None = None
    key: str = ""


class Tables:
    """The outcomes of some dates, on local disk until the end of the block, in files without a name."""

    def __init__(self, warehouse: Store, days: Sequence[date]) -> None:
        self._warehouse = warehouse
        self._days = days
        self._files: dict[date, pq.ParquetFile] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Bring them; raise InputError for one that cannot be kept or read."""
        with self._open:
            for day in self._days:
                self._files[day] = self._brought(day)
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove them."""
        self._open.close()

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return sum(file.metadata.num_rows for file in self._files.values())

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the columns of all dates, each attribute as one of its own, the date `ds` as the last."""
        kinds = {field.name: field.type for file in self._files.values() for field in file.schema_arrow}
        kinds.pop(ATTRIBUTES, None)
        return pa.schema([*kinds.items(), *((name, pa.string()) for name in self._attributes()), _DS])

    def _attributes(self) -> list[str]:
        """Return the names of all attributes."""
        found: set[str] = set()
        for file in self._files.values():
            for group in range(file.num_row_groups):
                for block in file.iter_batches(_BLOCK_ROWS, row_groups=[group], columns=[ATTRIBUTES]):
                    found.update(pc.unique(block.column(0).keys).to_pylist())
        return sorted(found)

    def blocks(self, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all dates with these columns (None: all)."""
        schema = self.schema
        fields = [schema.field(name) for name in columns or schema.names]
        for day, file in self._files.items():
            there = [field.name for field in fields if field.name in file.schema_arrow.names]
            there += [] if columns else [ATTRIBUTES]
            for group in range(file.num_row_groups):  # all in one call would keep what it has read
                for block in file.iter_batches(_BLOCK_ROWS, row_groups=[group], columns=there):
                    yield _with_all(block, fields, day)

    def _brought(self, day: date) -> pq.ParquetFile:
        with _disk(tempfile.gettempdir()):
            file = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  it is, in self._open
            copy_object(self._warehouse, current_key("outcomes", day), file)
            file.seek(0)
            try:
                return pq.ParquetFile(file)
            except pa.ArrowException as error:
                address = outcomes_address(self._warehouse, day)
                raise InputError(f"{address} is no table: publish the date again") from error


def _with_all(block: pa.RecordBatch, fields: Sequence[pa.Field], day: date) -> pa.RecordBatch:
    """Return a block with these columns in this order."""

    def column(field: pa.Field) -> pa.Array:
        if field.name == "ds":
            return pa.repeat(pa.scalar(day), len(block))
        if field.name in block.schema.names:
            return block.column(field.name)
        return pc.map_lookup(block.column(ATTRIBUTES), pa.scalar(field.name), "first")

    return pa.RecordBatch.from_arrays([column(each) for each in fields], [each.name for each in fields])


def check_path(path: Path) -> None:
    """Raise InputError for a file that could not be written."""
    if path.exists() and not path.is_file():
        raise InputError(f"{plain(str(path))} is not a file: name another")
    if not path.parent.is_dir():
        raise InputError(f"{plain(str(path.parent))} is no folder: make it, or name another file")


def is_there(target: Target) -> bool:
    """Return True if a target would be replaced."""
    if target.path:
        return target.path.exists()
    return target.store is not None and target.store.head(target.key) is not None


def write_whole(target: Target, blocks: Iterable[bytes]) -> None:
    """Write blocks one after the other; who reads the target finds all of them, or what was there before."""
    with _placed(target) as file:
        for block in blocks:
            file.write(block)
            if target.store and file.tell() > _MOST_BYTES_OF_A_PUT:
                raise InputError("more than 5 GB, which no store takes at once: name fewer dates, or a file")


@contextmanager
def _placed(target: Target) -> Iterator[IO[bytes]]:
    """Yield a file that is moved to the target at the end of the block."""
    if target.path:
        with _disk(str(target.path.parent)), _beside(target.path) as file:
            yield file
    elif target.store:
        with _disk(tempfile.gettempdir()), tempfile.NamedTemporaryFile(prefix=_PREFIX) as spooled:
            yield spooled
            spooled.flush()
            log.info("uploading %s bytes to %s", f"{spooled.tell():,}", plain(target.address))
            target.store.put_file(target.key, spooled.name)


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` at the end of the block; it is for its user alone."""
    check_path(path)
    remove_leftovers(path.parent)
    with temporary_file(path.parent) as (temporary, file):
        yield file
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _disk(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{plain(folder)} cannot be written: {error.strerror or error}"
        raise InputError(f"{text}: make room, or name another place") from error
