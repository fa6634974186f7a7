"""One manifest from an object to batches of rows that are pairs, and bad rows with their reasons."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import BadRow
from maskmatch.storage.manifests.checks import Checker
from maskmatch.storage.manifests.folder_columns import read_folders, with_folders
from maskmatch.storage.manifests.record_file import RecordFile
from maskmatch.storage.object_stores import Store

MOST_BAD_ROWS = 1_000_000
"""Of one file; each becomes a row of the table, and so many are no mistake of single rows."""


class Portion(NamedTuple):
    """Some records of a manifest: pairs, in columns as `ROWS` has them, and those that are none."""

    rows: pa.RecordBatch
    bad_rows: list[BadRow]


class Manifest:
    """One manifest; iterating over it reads it, and raises InputError for what is no manifest.

    `source` is where its images lie, by default the store that it lies in itself.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        options: ManifestOptions | None = None,
        source: SourcePlace | None = None,
    ) -> None:
        self._source = source or SourcePlace.of(store.uri, store.host)
        self._key = key
        self._file = RecordFile(store, key, options or ManifestOptions())
        self.summary = self._file.summary

    def __iter__(self) -> Iterator[Portion]:
        """Yield its rows, some thousands at a time, in their order."""
        naming, summary = self._file.naming, self.summary
        try:
            folders = read_folders(self._key, naming)
        except InputError as error:
            raise self._file.unreadable(error) from error
        for each in self._file:
            records = with_folders(each, folders) if folders else each
            checker = Checker(summary.file, self._source, is_by_line=self._file.is_by_line)
            lacks = records.lacks_pair_id or "pair_id" in naming.lacks
            portion = Portion(*checker.check(records, lacks_pair_id=lacks))
            summary.rows += portion.rows.num_rows + len(portion.bad_rows)
            summary.bad_rows += len(portion.bad_rows)
            if summary.bad_rows > MOST_BAD_ROWS:
                raise self._file.unreadable(_too_many(portion.bad_rows))
            yield portion


def _too_many(bad_rows: Sequence[BadRow]) -> InputError:
    last = f"; the last: {bad_rows[-1].message}" if bad_rows else ""
    return InputError(f"more than {MOST_BAD_ROWS:,} of its rows are no pairs{last}")
