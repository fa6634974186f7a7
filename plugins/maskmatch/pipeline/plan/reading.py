"""First step: the rows of all manifests go to disk in blocks, and what tells them apart beside them.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.shown import plain
from maskmatch.pipeline.plan.hashes import Words, digests
from maskmatch.pipeline.plan.row_ids import BROUGHT_IDS, brought_hashes
from maskmatch.storage.manifests import ROWS, FileSummary, Manifest
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.object_stores import Store
from maskmatch.storage.plans import BadRowFile
from maskmatch.storage.sorted_hashes import text_hashes
from maskmatch.storage.spools import PARTS, FixedWidthFile, ScatteredRecords, TableFile

BLOCK_ROWS = 65_536
"""Rows that are in memory as columns at a time: some 20 MB."""
BLOCK_BYTES = 64 * 1024 * 1024
"""A block of rows with many attributes is smaller."""
BLOCK = pa.schema([*ROWS, ("manifest_file", pa.int32())])
"""A row in a block; `manifest_file` is the number of its file."""
IMAGE_HASHES = np.dtype([("reference", np.uint64), ("probe", np.uint64)])
"""Of the keys of both images in the source; 0 for one that is elsewhere."""
NAMES = np.dtype([("high", np.uint64), ("low", np.uint64), ("asks", np.uint64), ("row", np.int64)])
"""A hash of the pair id, one of what the row asks for (images in their order, level), and its number."""
_ASKS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Odd numbers without a pattern, by which hashes are told apart when they are summed."""


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
    _first_key: str | None = None
    _last_key: str = ""

    @property
    def key_prefix(self) -> str:
        """Return the begin that the keys of all images in the source share."""
        return _common_begin(self._first_key or "", self._last_key)

    def close(self) -> None:
        """Give the disk back; the rows are elsewhere now."""
        self.blocks.close()
        self.image_hashes.close()

    def add(self, block: pa.RecordBatch) -> None:
        """Take in a block of rows."""
        images = [block.column(name) for name in ("reference_id", "probe_id")]
        hashes = [text_hashes(column.to_pylist()) for column in images]
        are_keys = [pc.invert(pc.match_substring(column, "://")) for column in images]
        for column, is_key in zip(images, are_keys, strict=True):
            self._note_keys(column.filter(is_key))
        keys = np.empty(block.num_rows, IMAGE_HASHES)
        for name, words, is_key in zip(IMAGE_HASHES.names or (), hashes, are_keys, strict=True):
            keys[name] = np.where(is_key.to_numpy(zero_copy_only=False), words, 0)
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
            self._first_key = min(self._first_key or found["min"], found["min"])
            self._last_key = max(self._last_key, found["max"])

    def wanted_images(self) -> Words:
        """Return the hashes of all images in the source, sorted, each once."""
        parts = [np.unique(part) for part in self.distinct_images.parts()]
        every: Words = np.concatenate(parts)
        return np.asarray(every[every != 0])


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
        self._attributes: set[str] = set()
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
            self.rows.add(pa.concat_batches(self._waiting))
        self.rows.blocks.finish()
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
            self.rows.add(whole.slice(0, BLOCK_ROWS))
            rest = whole.slice(BLOCK_ROWS)
            self._waiting, self._waiting_rows = [rest], rest.num_rows
        if sum(each.nbytes for each in self._waiting) >= BLOCK_BYTES:
            self.rows.add(pa.concat_batches(self._waiting))
            self._waiting, self._waiting_rows = [], 0

    def _check_attributes(self, summary: FileSummary, key: str) -> None:
        names = summary.columns.values()
        self._attributes |= {name for name in names if name.startswith(ATTRIBUTE_PREFIX)}
        if len(self._attributes) > MOST_COLUMNS:
            raise InputError(
                f"the manifests have more than {MOST_COLUMNS:,} columns {ATTRIBUTE_PREFIX}...: "
                f"leave some out of {self._store.uri}/{plain(key)}"
            )


def _common_begin(one: str, other: str) -> str:
    equal = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(character for character, _ in equal)


def numbered(blocks: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield blocks with the number of their first row."""
    first = 0
    for block in blocks:
        yield first, block
        first += block.num_rows
