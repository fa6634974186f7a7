"""All manifests of a date: their rows with row ids, in memory."""

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa

from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, BadRow, Pair
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.manifests.reader import FileSummary, Manifest
from maskmatch.storage.manifests.rows import row_ids
from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)

_AT_ONCE = 1000


def read_rows(
    store: Store, keys: Sequence[str], options: ManifestOptions
) -> Iterator[Sequence[Pair] | Sequence[BadRow]]:
    """Yield the rows of manifests, bad ones first; raise InputError for too many attributes over all."""
    tables, files = [], []
    attributes: set[str] = set()
    for key in keys:
        manifest = Manifest(store, key, options)
        for portion in manifest:
            tables.append(portion.rows)
            files += [manifest.summary.file] * portion.rows.num_rows
            yield portion.bad_rows
            attributes |= _attributes(manifest.summary)
            if len(attributes) > MOST_COLUMNS:
                raise InputError(
                    f"the manifests have more than {MOST_COLUMNS:,} columns {ATTRIBUTE_PREFIX}...: "
                    f"leave some out of {store.uri}/{key}"
                )
        log.info("%s", manifest.summary)
    if tables:
        table = pa.Table.from_batches(tables)
        ids = row_ids(table["fingerprint"].combine_chunks(), table["row_id"].combine_chunks())
        table = table.drop_columns(["fingerprint", "row_id"]).append_column("row_id", ids)
        yield from _pairs(table.append_column("manifest_file", pa.array(files, pa.string())))


def _attributes(summary: FileSummary) -> set[str]:
    return {target for target in summary.columns.values() if target.startswith(ATTRIBUTE_PREFIX)}


def _pairs(table: pa.Table) -> Iterator[list[Pair]]:
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        yield [Pair(**record | {"attributes": tuple(record["attributes"])}) for record in batch.to_pylist()]
