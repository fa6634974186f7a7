"""Many small objects of a complete journal become one, whose columns can be read.

Decision: docs/adr/0014-the-journal-says-every-call.md
"""

import secrets
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa

from maskmatch.core.errors import BooksError, Unavailable
from maskmatch.core.outcomes import FINAL_FAILURES
from maskmatch.core.workers import Workers
from maskmatch.storage.journal.names import Listing, compact_key, list_journal
from maskmatch.storage.journal.packs import Index, PackWriter
from maskmatch.storage.journal.reading import scan_chunks
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store

_DELETERS = 8
"""Requests at a time: a store answers each in some milliseconds."""


def compact(store: Store, prefix: str) -> None:
    """Put all segments of a journal into one object, then delete them; claims of epochs stay.

    It may be killed at any point, and others may read, write and compact meanwhile: an object is deleted
    only after another that holds all of it is there. Nothing happens when there is nothing to gain.
    """
    listing = list_journal(store, prefix)
    if not listing.segments and len(listing.compacts) <= 1:
        return
    try:
        index = _write(store, prefix)
    except OSError as error:
        raise Unavailable(f"{tempfile.gettempdir()} has no room to compact {prefix}: {error}") from error
    _delete_held(store, listing, index)


def _write(store: Store, prefix: str) -> Index:
    with tempfile.NamedTemporaryFile() as file:
        index, counts = _collect(store, prefix, file.name)
        newest = max(index)
        key = compact_key(prefix, newest, len(index[newest]), secrets.token_hex(3), counts)
        store.put_file(key, file.name)
        found, size = store.head(key), Path(file.name).stat().st_size
    if found is None or found.size != size:
        raise BooksError(f"{store.uri}/{key} is not what was written: nothing is deleted")
    return index


def _collect(store: Store, prefix: str, path: str) -> tuple[Index, Counts]:
    """Write all rows into a file; return the segments in it, and what became of the pairs."""
    ends: dict[str, str] = {}
    with PackWriter(path) as pack:
        for chunk in scan_chunks(store, prefix):
            pack.add(chunk.writer, chunk.sizes, (_noted(table, ends) for table in chunk.tables))
    counts = Counter(ends.values())
    return pack.index, Counts(counts["scored"], counts["failed"], counts["again"])


def _noted(table: pa.Table, ends: dict[str, str]) -> pa.Table:
    """Note the last final end of each pair, else that it is called again; return the table."""
    for pair_id, failure in zip(table["pair_id"].to_pylist(), table["failure_code"].to_pylist(), strict=True):
        if failure is None or failure in FINAL_FAILURES:
            ends[pair_id] = "failed" if failure else "scored"
        else:
            ends.setdefault(pair_id, "again")
    return table


def _delete_held(store: Store, listing: Listing, index: Index) -> None:
    segments = [
        key
        for writer, found in listing.segments.items()
        for sequence, key in found.items()
        if sequence <= len(index.get(writer, ()))
    ]
    with Workers("journal-delete", most=_DELETERS) as pool:
        for _ in pool.map(store.delete, [*segments, *listing.compacts]):
            pass
