"""Reading a journal while others may write and compact it.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
Decision: docs/adr/0014-the-journal-says-every-call.md
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa

from maskmatch.core.errors import BooksError, ObjectMissing
from maskmatch.core.outcomes import Outcome
from maskmatch.core.workers import Workers
from maskmatch.storage.journal.names import Listing, Writer, compact_keys, list_journal, segment_key
from maskmatch.storage.journal.packs import Pack, fetched
from maskmatch.storage.journal.records import OUTCOME_COLUMNS, lines_of, outcomes_of, table_of
from maskmatch.storage.object_stores import Store

_READERS = 8
"""Requests at a time: a store answers each in some milliseconds."""
_AT_ONCE = 64
"""Segments held in memory at a time, and read together."""
_TRIES = 5
"""Each but the first needs a compaction that ended meanwhile: there are few in the life of a shard."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a journal: what came of a call or of a pair, and the run that made it."""

    run_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Chunk:
    """Segments of one writer that lie together in an object: the rows of each, and the tables with all."""

    writer: Writer
    name: str
    sizes: Sequence[int]
    tables: Iterable[pa.Table]


def last_epoch(store: Store, prefix: str) -> int:
    """Return the newest epoch that a journal shows, 0 for none."""
    return list_journal(store, prefix).last_epoch


def read_journal(store: Store, prefix: str) -> list[Entry]:
    """Return all entries of a journal, oldest first; raise BooksError naming an object that is damaged."""
    return list(scan_journal(store, prefix))


def scan_journal(store: Store, prefix: str) -> Iterator[Entry]:
    """Yield all entries of a journal, oldest first, with some dozen objects in memory at most."""
    for chunk in scan_chunks(store, prefix, columns=OUTCOME_COLUMNS):
        try:
            for table in chunk.tables:
                for run_id, outcome in outcomes_of(table):
                    yield Entry(run_id, outcome)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(chunk.name, error) from error


def scan_tables(store: Store, prefix: str, *, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield all rows of a journal as tables, oldest first: `columns` of records.SCHEMA, all by default."""
    for chunk in scan_chunks(store, prefix, columns=columns):
        yield from chunk.tables


def scan_chunks(store: Store, prefix: str, *, columns: Sequence[str] | None = None) -> Iterator[Chunk]:
    """Yield every segment once, by epoch and sequence, wherever it lies by now.

    The tables of each are to be read before the next is asked for. A compaction may move objects between our
    listing and our reading: then look again, and go on after what was yielded. Raise BooksError when a
    segment has gone for good.
    """
    done: dict[Writer, int] = {}
    missing = ""
    for _ in range(_TRIES):
        listing = list_journal(store, prefix)
        try:
            yield from _unread(store, prefix, listing, done, columns)
            if compact_keys(store, prefix) <= listing.compacts:
                return
        except ObjectMissing as error:
            missing = str(error)
    raise BooksError(f"the journal {prefix} lacks an object ({missing}): restore it, or plan with recompare")


def _unread(
    store: Store, prefix: str, listing: Listing, done: dict[Writer, int], columns: Sequence[str] | None
) -> Iterator[Chunk]:
    with ExitStack() as files, Workers("journal-read", most=_READERS) as pool:
        packs = [files.enter_context(fetched(store, key)) for key in sorted(listing.compacts)]
        for writer in sorted({*listing.segments, *(writer for pack in packs for writer in pack.index)}):
            if best := _best(packs, writer, after=done.get(writer, 0)):
                after, done[writer] = done.get(writer, 0), best.held(writer)
                sizes = best.index[writer][after:]
                yield Chunk(writer, best.name, sizes, best.tables(writer, after, columns))
            keys = listing.segments.get(writer, {})
            last = max(keys, default=0)
            for start in range(done.get(writer, 0) + 1, last + 1, _AT_ONCE):
                sequences = range(start, min(start + _AT_ONCE, last + 1))
                wanted = [keys.get(each, segment_key(prefix, writer, each, "*")) for each in sequences]
                found = dict(
                    zip((f"{store.uri}/{key}" for key in wanted), pool.map(store.get, wanted), strict=True)
                )
                done[writer] = sequences[-1]
                yield _segments(writer, found, columns)


def _best(packs: Sequence[Pack], writer: Writer, *, after: int) -> Pack | None:
    """Return the compact object that holds most segments of a writer, if it holds any after so many."""
    best = max(packs, key=lambda pack: pack.held(writer), default=None)
    return best if best and best.held(writer) > after else None


def _segments(writer: Writer, found: Mapping[str, bytes], columns: Sequence[str] | None) -> Chunk:
    """Read segments by name, together; raise BooksError naming one that is damaged."""
    lines = {name: _lines(name, segment) for name, segment in found.items()}
    try:
        table = table_of([*lines.values()])
    except ValueError:
        for name, each in lines.items():
            _check(name, each)
        raise
    sizes = [each.count(b"\n") for each in lines.values()]
    first, *_, last = [*found, *found]
    return Chunk(
        writer,
        first if first == last else f"{first} to {last}",
        sizes,
        [table.select(columns) if columns else table],
    )


def _lines(name: str, segment: bytes) -> bytes:
    try:
        return lines_of(name, segment)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(name, error) from error


def _check(name: str, lines: bytes) -> None:
    try:
        list(outcomes_of(table_of([lines])))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> BooksError:
    text = " ".join(str(error).split())
    return BooksError(f"{name} is damaged ({text}): restore it, or plan with recompare")
