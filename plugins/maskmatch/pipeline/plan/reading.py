"""First step: the rows of all manifests go to disk in blocks, and what tells them apart beside them.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.shown import plain
from maskmatch.core.side_steps import Behind, ahead
from maskmatch.pipeline.plan.hashes import Words, digests
from maskmatch.pipeline.plan.row_ids import BROUGHT_IDS, brought_hashes
from maskmatch.storage.manifests import ROWS, FileSummary, Manifest
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.object_stores import Store
from maskmatch.storage.plans import BadRowFile
from maskmatch.storage.sorted_hashes import text_hashes
from maskmatch.storage.spools import (
    PARTS,
    FixedWidthFile,
    ScatteredRecords,
    TableFile,
    give_memory_back,
)

BLOCK_ROWS = 65_536
"""Rows that are in memory as columns at a time: some 20 MB."""
BLOCK_BYTES = 64 * 1024 * 1024
"""A block of rows with many attributes is smaller."""
BLOCK = pa.schema([*ROWS, ("manifest_file", pa.int32())])
"""A row in a block; `manifest_file` is the number of its file."""
IMAGE_HASHES = np.dtype([("reference", np.uint64), ("probe", np.uint64)])
"""Of both images in the source or a bucket; 0 for one at a public address, of which no store tells."""
NAMES = np.dtype([("high", np.uint64), ("low", np.uint64), ("asks", np.uint64), ("row", np.int64)])
"""A hash of the pair id, one of what the row asks for (images in their order, level), and its number."""
_ASKS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Odd numbers without a pattern, by which hashes are told apart when they are summed."""


SOURCE = ""
"""What the keys of images in the source begin with; those of others with the address of their bucket."""


@dataclass(slots=True)
class Span:
    """The first and the last key of images in one place, and how often rows name one of them."""

    first: str
    last: str
    mentions: int

    @property
    def begin(self) -> str:
        """Return what all keys begin with."""
        equal = takewhile(lambda pair: pair[0] == pair[1], zip(self.first, self.last, strict=False))
        return "".join(character for character, _ in equal)


@dataclass(slots=True)
class ReadRows:
    """The rows that are pairs, numbered in the order of reading, and those that are none."""

    blocks: TableFile = field(default_factory=lambda: TableFile(BLOCK))
    image_hashes: FixedWidthFile = field(default_factory=lambda: FixedWidthFile(IMAGE_HASHES))
    names: ScatteredRecords = field(default_factory=lambda: ScatteredRecords(NAMES))
    distinct_images: ScatteredRecords = field(default_factory=lambda: ScatteredRecords(np.dtype(np.uint64)))
    brought_ids: ScatteredRecords = field(default_factory=lambda: ScatteredRecords(BROUGHT_IDS))
    bad_rows: BadRowFile = field(default_factory=BadRowFile)
    files: list[str] = field(default_factory=list)
    summaries: list[FileSummary] = field(default_factory=list)
    """What each file turned out to be; the last one grows while it is read."""
    count: int = 0
    attributes: set[str] = field(default_factory=set)
    """The columns `attr_...` that any file has."""
    spans: dict[str, Span] = field(default_factory=dict)
    """By `SOURCE`, or the address of a bucket with a slash at its end."""

    def close(self) -> None:
        """Give the disk back; the rows are elsewhere now."""
        self.blocks.close()
        self.image_hashes.close()

    def add(self, block: pa.RecordBatch) -> None:
        """Take in a block of rows."""
        images = [block.column(name) for name in ("reference_id", "probe_id")]
        hashes = [text_hashes(column.to_pylist()) for column in images]
        keys = np.empty(block.num_rows, IMAGE_HASHES)
        for name, column, words in zip(IMAGE_HASHES.names or (), images, hashes, strict=True):
            is_key, is_object = in_place(column, SOURCE), pc.starts_with(column, "s3://")
            self._note_keys(column.filter(is_key))
            self._note_objects(column.filter(is_object))
            keys[name] = np.where(pc.or_(is_key, is_object).to_numpy(zero_copy_only=False), words, 0)
        self.image_hashes.append(keys)
        distinct = np.unique(np.concatenate([keys["reference"], keys["probe"]]))
        self.distinct_images.append(distinct, distinct // _PART)
        self._add_names(block, hashes)
        self._add_row_ids(block.column("row_id"))
        self.blocks.append(block)
        self.count += block.num_rows

    def _add_names(self, block: pa.RecordBatch, images: Sequence[Words]) -> None:
        pair_ids = digests(block.column("pair_id"))
        level = block.column("quality_control").to_numpy().astype(np.uint64)
        names = np.empty(block.num_rows, NAMES)
        names["high"], names["low"] = pair_ids
        names["asks"] = images[0] * _ASKS[0] + images[1] * _ASKS[1] + level * _ASKS[2]
        names["row"] = self.count + np.arange(block.num_rows)
        self.names.append(names, pair_ids.high // _PART)

    def _add_row_ids(self, row_ids: pa.Array) -> None:
        if row_ids.null_count == len(row_ids):
            return
        brought = np.flatnonzero(row_ids.is_valid().to_numpy(zero_copy_only=False))
        found = np.empty(len(brought), BROUGHT_IDS)
        found["high"], found["low"] = brought_hashes(row_ids.drop_null().to_pylist())
        found["row"] = self.count + brought
        self.brought_ids.append(found, found["high"] // _PART)

    def taken_ids(self) -> Words:
        """Return the first words of the row ids that are brought, sorted."""
        return np.concatenate([np.unique(part["high"]) for part in self.brought_ids.parts(keep=True)])

    def _note_keys(self, keys: pa.Array) -> None:
        if len(keys):
            found = pc.min_max(keys).as_py()
            self._widen(SOURCE, Span(found["min"], found["max"], len(keys)))

    def _note_objects(self, addresses: pa.Array) -> None:
        """Take in addresses s3://bucket/key."""
        if len(addresses):
            for bucket, group in groupby(sorted(addresses.to_pylist()), _bucket):
                found = list(group)
                self._widen(bucket, Span(found[0], found[-1], len(found)))

    def _widen(self, place: str, new: Span) -> None:
        old = self.spans.get(place, new)
        mentions = new.mentions if old is new else old.mentions + new.mentions
        self.spans[place] = Span(min(old.first, new.first), max(old.last, new.last), mentions)

    def wanted_images(self) -> Words:
        """Return the hashes of all images of which a store may tell, sorted, each once."""
        parts = (np.unique(part) for part in self.distinct_images.parts())
        return np.asarray(np.concatenate([part[part != 0] for part in parts]))


_PART = np.uint64(2**64 // PARTS)


class RowReader:
    """Reads manifests, one after the other; `source` is where images lie, if that is not their store."""

    def __init__(
        self,
        store: Store,
        options: ManifestOptions,
        *,
        quality_control: int,
        source: SourcePlace | None = None,
    ) -> None:
        self._store, self._source, self._options = store, source, options
        self._quality_control = pa.scalar(quality_control, pa.int8())
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._behind = Behind("plan-reading")
        self.rows = ReadRows()

    def read(self, key: str, progress: Callable[[FileSummary], None] = lambda _: None) -> None:
        """Read a manifest; raise InputError for none, or too many attributes; `progress` is told at times."""
        manifest = Manifest(self._store, key, self._options, self._source)
        self.rows.summaries.append(manifest.summary)
        number = len(self.rows.files)
        self.rows.files.append(manifest.summary.file)
        for portion in manifest:
            self._add(portion.rows, number)
            self.rows.bad_rows.add(portion.bad_rows)
            self._check_attributes(manifest.summary, key)
            progress(manifest.summary)

    def finish(self) -> ReadRows:
        """Return the rows, now that all are there."""
        if self._waiting_rows:
            self._behind.do(self.rows.add, pa.concat_batches(self._waiting))
        self._behind.wait()
        self.rows.blocks.finish()
        give_memory_back()
        return self.rows

    def _add(self, rows: pa.RecordBatch, number: int) -> None:
        level = rows.schema.get_field_index("quality_control")
        rows = rows.set_column(
            level, BLOCK.field("quality_control"), pc.fill_null(rows.column(level), self._quality_control)
        )
        file = pa.array(np.full(rows.num_rows, number, np.int32))
        self._waiting.append(pa.RecordBatch.from_arrays([*rows.columns, file], schema=BLOCK))
        self._waiting_rows += rows.num_rows
        while self._waiting_rows >= BLOCK_ROWS:
            whole = pa.concat_batches(self._waiting)
            self._behind.do(self.rows.add, whole.slice(0, BLOCK_ROWS))
            rest = whole.slice(BLOCK_ROWS)
            self._waiting, self._waiting_rows = [rest], rest.num_rows
        if sum(each.nbytes for each in self._waiting) >= BLOCK_BYTES:
            self._behind.do(self.rows.add, pa.concat_batches(self._waiting))
            self._waiting, self._waiting_rows = [], 0

    def _check_attributes(self, summary: FileSummary, key: str) -> None:
        names = summary.columns.values()
        self.rows.attributes |= {name for name in names if name.startswith(ATTRIBUTE_PREFIX)}
        if len(self.rows.attributes) > MOST_COLUMNS:
            raise InputError(
                f"the manifests have more than {MOST_COLUMNS:,} columns {ATTRIBUTE_PREFIX}...: "
                f"leave some out of {self._store.uri}/{plain(key)}"
            )


def in_place(image_ids: pa.Array, place: str) -> pa.Array:
    """Return which images lie in a place, as `ReadRows.spans` names it."""
    if place == SOURCE:
        return pc.invert(pc.match_substring(image_ids, "://"))
    return pc.starts_with(image_ids, place)


def _bucket(address: str) -> str:
    return address[: address.index("/", len("s3://")) + 1]


def numbered(blocks: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield blocks with the number of their first row; the next is read while one is worked on."""
    first = 0
    for block in ahead("plan-blocks", blocks):
        yield first, block
        first += block.num_rows
    give_memory_back()
