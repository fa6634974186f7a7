"""Many small objects of a complete journal become one.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from maskmatch.core.errors import BooksError, Unavailable
from maskmatch.storage.journal.names import Listing, compact_key, list_journal, segment_key
from maskmatch.storage.journal.packs import Index, write_pack
from maskmatch.storage.journal.reading import scan_segments
from maskmatch.storage.object_stores import Store

_DELETERS = 8


def compact(store: Store, prefix: str) -> None:
    """Put all segments of a journal into one object, then delete them; markers of epochs stay.

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
    _delete_held(store, prefix, listing, index)


def _write(store: Store, prefix: str) -> Index:
    with tempfile.TemporaryFile() as body, tempfile.NamedTemporaryFile() as file:
        index = _collect(store, prefix, body)
        write_pack(index, body, file)
        newest = max(index)
        key = compact_key(prefix, newest, len(index[newest]), secrets.token_hex(3))
        store.put_file(key, file.name)
        found, size = store.head(key), Path(file.name).stat().st_size
    if found is None or found.size != size:
        raise BooksError(f"{store.uri}/{key} is not what was written: nothing is deleted")
    return index


def _collect(store: Store, prefix: str, body: IO[bytes]) -> Index:
    index: Index = {}
    for segment in scan_segments(store, prefix):
        for _ in segment.entries():  # a damaged segment keeps its name, so that it can be restored
            pass
        if segment.text and not segment.text.endswith(b"\n"):
            raise BooksError(f"{segment.name} breaks off: restore it, or plan with recompare")
        index.setdefault(segment.writer, []).append(len(segment.text))
        body.write(segment.text)
    return index


def _delete_held(store: Store, prefix: str, listing: Listing, index: Index) -> None:
    segments = (
        segment_key(prefix, writer, sequence)
        for writer, found in listing.segments.items()
        for sequence in found
        if sequence <= len(index.get(writer, ()))
    )
    with ThreadPoolExecutor(_DELETERS) as pool:
        for _ in pool.map(store.delete, [*segments, *listing.compacts]):
            pass
