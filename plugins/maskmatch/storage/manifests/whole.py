"""All manifests of a date: their rows with row ids, in memory."""

from collections.abc import Iterator

import pyarrow as pa

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, BadRow, Pair
from maskmatch.core.shown import plain
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.manifests.reader import Manifest
from maskmatch.storage.manifests.rows import row_ids
from maskmatch.storage.manifests.summaries import FileSummary
from maskmatch.storage.object_stores import Store

_AT_ONCE = 1000


class Manifests:
    """Reads one manifest after the other; the rows that are pairs come when all are read.

    `source` is where images lie, by default the store of the manifests.
    """

    def __init__(self, store: Store, options: ManifestOptions, source: SourcePlace | None = None) -> None:
        self._store = store
        self._source = source
        self._options = options
        self._tables: list[pa.RecordBatch] = []
        self._files: list[str] = []
        self._attributes: set[str] = set()
        self.summaries: list[FileSummary] = []
        """What each turned out to be, in the order of reading; the last one grows while it is read."""

    def read(self, key: str) -> Iterator[list[BadRow]]:
        """Read a manifest and yield its bad rows; raise InputError for none, or too many attributes."""
        manifest = Manifest(self._store, key, self._options, self._source)
        self.summaries.append(manifest.summary)
        for portion in manifest:
            self._tables.append(portion.rows)
            self._files += [manifest.summary.file] * portion.rows.num_rows
            yield portion.bad_rows
            self._attributes |= _attributes(manifest.summary)
            if len(self._attributes) > MOST_COLUMNS:
                raise InputError(
                    f"the manifests have more than {MOST_COLUMNS:,} columns {ATTRIBUTE_PREFIX}...: "
                    f"leave some out of {self._store.uri}/{plain(key)}"
                )

    def pairs(self) -> Iterator[list[Pair]]:
        """Yield the rows that are pairs, each with its row id."""
        if not self._tables:
            return
        table = pa.Table.from_batches(self._tables)
        ids = row_ids(table["fingerprint"].combine_chunks(), table["row_id"].combine_chunks())
        table = table.drop_columns(["fingerprint", "row_id"]).append_column("row_id", ids)
        table = table.append_column("manifest_file", pa.array(self._files, pa.string()))
        for batch in table.to_batches(max_chunksize=_AT_ONCE):
            yield [
                Pair(**record | {"attributes": tuple(record["attributes"])}) for record in batch.to_pylist()
            ]


def _attributes(summary: FileSummary) -> set[str]:
    return {target for target in summary.columns.values() if target.startswith(ATTRIBUTE_PREFIX)}
