"""What was paid for, in object storage, as it comes: one journal per shard.

    <shard>.journal/0001-000000.jsonl      epoch (one per attempt at the shard) and sequence number
    <shard>.journal/0001-000001.jsonl
    <shard>.journal/0001-000002.jsonl
    <shard>.journal/0002-000001.jsonl      written after a crash by the next attempt

A writer thread puts whatever finished since its last PUT into one new object (group commit). A thread that
records an outcome returns when that object is durable. Objects are never changed, so a killed process
leaves only whole ones.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from maskmatch.adapters.stores import ObjectInfo, Store
from maskmatch.core.errors import BooksError, MaskmatchError, ObjectExists, StopRun, Unavailable
from maskmatch.core.outcomes import Outcome

_SUFFIX = ".jsonl"
_READERS = 8
COMMIT_SECONDS = 0.2
"""Least time between two PUTs, so that a slow shard does not write one object per call."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal: an outcome, and the run whose calls it took."""

    run_id: str
    outcome: Outcome


def read_journal(store: Store, prefix: str) -> list[Entry]:
    """Return all entries of a journal, oldest first; raise BooksError naming an object that is damaged."""
    keys = sorted(found.key for found in store.list(f"{prefix}/") if found.key.endswith(_SUFFIX))
    with ThreadPoolExecutor(_READERS) as pool:
        texts = zip(keys, pool.map(store.get, keys), strict=True)
        return [entry for key, text in texts for entry in _entries(store, key, text)]


def final_outcomes(entries: Iterable[Entry]) -> dict[str, Outcome]:
    """Return the last outcome of each pair by pair id, with the calls of all its entries."""
    known: dict[str, Outcome] = {}
    for entry in entries:
        new = entry.outcome
        if earlier := known.get(new.pair_id):
            new = replace(new, calls=new.calls.after(earlier.calls))
        known[new.pair_id] = new
    return known


def _entries(store: Store, key: str, text: bytes) -> Iterator[Entry]:
    try:
        for record in map(json.loads, text.splitlines()):
            yield Entry(record["run_id"], Outcome.from_record(record))
    except (ValueError, KeyError, TypeError) as error:
        raise BooksError(
            f"{store.uri}/{key} is damaged ({error}): restore it, or plan with recompare"
        ) from error


class ShardJournal:
    """Appends to the journal of one shard; use as a context manager.

    Whoever opens a journal replaces its earlier writer, which finds out at its next group and stops.
    `only_new` asks the store to refuse overwriting, where it can, so that two that open at once get
    different epochs.
    """

    def __init__(self, store: Store, prefix: str, *, run_id: str, only_new: bool) -> None:
        self._store = store
        self._prefix = prefix
        self._run_id = run_id
        self._only_new = only_new
        self._epoch = self._claim(1 + max(map(_epoch, store.list(f"{prefix}/")), default=0))
        self._sequence = 0
        self._pending: list[Outcome] = []
        self._committed = self._recorded = 0
        self._failure: MaskmatchError | None = None
        self._is_replaced = False
        self._closing = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write_until_closed, name="journal", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()

    def record(self, outcome: Outcome) -> None:
        """Return when the outcome is durable; raise what kept it from being so.

        Raise StopRun, though it is durable, when another attempt has replaced this one.
        """
        with self._changed:
            self._pending.append(outcome)
            self._recorded += 1
            mine = self._recorded
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._committed >= mine or self._failure)
            if self._committed < mine and self._failure:
                raise self._failure
        if self._is_replaced:
            raise StopRun(f"another run has taken over {self._prefix}: it goes on, this one stops")

    def _claim(self, epoch: int) -> int:
        """Take the next epoch; from now on an earlier writer of this journal finds itself replaced."""
        while True:
            try:
                self._store.put(self._key(epoch, 0), b"", only_new=self._only_new)
            except ObjectExists:
                epoch += 1
            else:
                return epoch

    def _key(self, epoch: int, sequence: int) -> str:
        return f"{self._prefix}/{epoch:04d}-{sequence:06d}{_SUFFIX}"

    def _write_until_closed(self) -> None:
        pause = threading.Event()
        while group := self._next_group():
            try:
                self._commit(group)
                self._is_replaced = self._store.head(self._key(self._epoch + 1, 0)) is not None
            except MaskmatchError as error:
                self._finish(0, error)
                return
            except Exception as error:  # noqa: BLE001  whatever it is, the recording threads must learn of it
                self._finish(0, Unavailable(f"the journal {self._prefix} cannot be written: {error}"))
                return
            self._finish(len(group), None)
            pause.wait(COMMIT_SECONDS)
        self._finish(0, Unavailable(f"the journal {self._prefix} is closed"))

    def _next_group(self) -> list[Outcome]:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            group, self._pending = self._pending, []
            return group

    def _finish(self, committed: int, failure: MaskmatchError | None) -> None:
        with self._changed:
            self._committed += committed
            self._failure = failure
            self._changed.notify_all()

    def _commit(self, group: list[Outcome]) -> None:
        self._sequence += 1
        key = self._key(self._epoch, self._sequence)
        records = ({"run_id": self._run_id} | outcome.to_record() for outcome in group)
        data = "".join(json.dumps(record) + "\n" for record in records).encode()
        try:
            self._store.put(key, data, only_new=self._only_new)
        except ObjectExists as error:
            if self._store.get(key) != data:  # else our own PUT had landed before its answer was lost
                raise Unavailable(f"{self._store.uri}/{key} was written by somebody else") from error


def _epoch(found: ObjectInfo) -> int:
    epoch = found.key.rpartition("/")[2].partition("-")[0]
    return int(epoch) if epoch.isdecimal() else 0
