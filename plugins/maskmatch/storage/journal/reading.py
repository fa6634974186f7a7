"""Reading a journal while others may write and compact it.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from maskmatch.core.errors import BooksError, ObjectMissing
from maskmatch.core.outcomes import Outcome
from maskmatch.storage.journal.names import Listing, Writer, compact_keys, list_journal, segment_key
from maskmatch.storage.journal.packs import Pack, fetched
from maskmatch.storage.object_stores import Store

_READERS = 8
_AT_ONCE = 64
"""Segments held in memory at a time."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal: an outcome, and the run whose calls it took."""

    run_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Segment:
    """What one writer put into its object number `sequence`."""

    writer: Writer
    sequence: int
    name: str
    text: bytes

    def entries(self) -> Iterator[Entry]:
        """Yield its lines; raise BooksError naming the object when one is damaged."""
        try:
            for record in map(json.loads, self.text.splitlines()):
                yield Entry(record["run_id"], Outcome.from_record(record))
        except (ValueError, KeyError, TypeError) as error:
            raise BooksError(
                f"{self.name} is damaged ({error}): restore it, or plan with recompare"
            ) from error


def last_epoch(store: Store, prefix: str) -> int:
    """Return the newest epoch that a journal shows, 0 for none."""
    return list_journal(store, prefix).last_epoch


def read_journal(store: Store, prefix: str) -> list[Entry]:
    """Return all entries of a journal, oldest first; raise BooksError naming an object that is damaged."""
    return list(scan_journal(store, prefix))


def scan_journal(store: Store, prefix: str) -> Iterator[Entry]:
    """Yield all entries of a journal, oldest first, with some dozen objects in memory at most."""
    for segment in scan_segments(store, prefix):
        yield from segment.entries()


def final_outcomes(entries: Iterable[Entry]) -> dict[str, Outcome]:
    """Return by pair id the last final outcome, else the last, with the calls of all entries of the pair."""
    known: dict[str, Outcome] = {}
    for entry in entries:
        new, earlier = entry.outcome, known.get(entry.outcome.pair_id)
        if earlier and earlier.is_final and not new.is_final:
            new, earlier = earlier, new  # a replaced try had paid for the answer
        known[new.pair_id] = replace(new, calls=new.calls.after(earlier.calls)) if earlier else new
    return known


def scan_segments(store: Store, prefix: str, *, done: dict[Writer, int] | None = None) -> Iterator[Segment]:
    """Yield every segment once, by epoch and sequence, wherever it lies by now.

    `done` tells how many of each writer were read before, and is kept up to date. A compaction may move
    objects between our listing and our reading: then look again, and go on after what was yielded. Raise
    BooksError when a segment has gone for good.
    """
    done = {} if done is None else done
    missing = ""
    for _ in range(_TRIES):
        listing = list_journal(store, prefix)
        try:
            yield from _unread(store, prefix, listing, done)
            if compact_keys(store, prefix) <= listing.compacts:
                return
        except ObjectMissing as error:
            missing = str(error)
    raise BooksError(f"the journal {prefix} lacks an object ({missing}): restore it, or plan with recompare")


def _unread(store: Store, prefix: str, listing: Listing, done: dict[Writer, int]) -> Iterator[Segment]:
    with ExitStack() as files, ThreadPoolExecutor(_READERS) as pool:
        packs = [files.enter_context(fetched(store, key)) for key in sorted(listing.compacts)]
        for writer in sorted({*listing.segments, *(writer for pack in packs for writer in pack.index)}):
            for segment in _of_writer(writer, packs, done):
                done[writer] = segment.sequence
                yield segment
            last = max(listing.segments.get(writer, ()), default=0)
            for start in range(done.get(writer, 0) + 1, last + 1, _AT_ONCE):
                sequences = range(start, min(start + _AT_ONCE, last + 1))
                keys = [segment_key(prefix, writer, sequence) for sequence in sequences]
                for sequence, key, text in zip(sequences, keys, pool.map(store.get, keys), strict=True):
                    done[writer] = sequence
                    yield Segment(writer, sequence, f"{store.uri}/{key}", text)


def _of_writer(writer: Writer, packs: list[Pack], done: dict[Writer, int]) -> Iterator[Segment]:
    """Yield the segments of a writer from the compact object that holds most of them."""
    best = max(packs, key=lambda pack: pack.held(writer), default=None)
    read = done.get(writer, 0)
    if best and best.held(writer) > read:
        for sequence, text in enumerate(best.texts(writer, read), read + 1):
            yield Segment(writer, sequence, best.name, text)
