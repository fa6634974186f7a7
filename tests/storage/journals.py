"""Stores with faults, and outcomes to record in them."""

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from maskmatch.core.errors import ObjectExists, ObjectMissing
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason
from maskmatch.storage.journal import Entry, ShardJournal, read_journal
from maskmatch.storage.object_stores import Content, ObjectInfo, Store

PREFIX = "s.journal"


def order(name: str) -> int:
    """Return a place in the call order for a pair of this name."""
    return int.from_bytes(name.encode()[-7:])


def scored(name: str, score: float = 50.0) -> Outcome:
    return Outcome(
        pair_id=name,
        score=score,
        model_version="3.0",
        calls=Calls(attempts=1, billed=1),
        call_order=order(name),
    )


def unknown(name: str) -> Outcome:
    """Return what is recorded before a call whose fate nobody knows is tried again."""
    reason = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="network_error", message="timed out")
    return Outcome(
        pair_id=name, reason=reason, calls=Calls(attempts=1, maybe_billed=1), call_order=order(name)
    )


def record(journal: ShardJournal, outcome: Outcome) -> None:
    journal.enter(outcome)
    journal.wait_for_room()


def record_durably(journal: ShardJournal, outcome: Outcome) -> None:
    record(journal, outcome)
    journal.flush()


def final_outcomes(entries: Iterable[Entry]) -> dict[str, Outcome]:
    """Return by pair id the last final outcome, else the last, with the calls of all entries of it."""
    known: dict[str, Outcome] = {}
    for entry in entries:
        new, earlier = entry.outcome, known.get(entry.outcome.pair_id)
        if earlier and earlier.is_final and not new.is_final:
            new, earlier = earlier, new  # a replaced try had paid for the answer
        known[new.pair_id] = replace(new, calls=new.calls.after(earlier.calls)) if earlier else new
    return known


def known(store: Store) -> dict[str, Outcome]:
    return final_outcomes(read_journal(store, PREFIX))


def names_in(store: Store) -> list[str]:
    return [entry.outcome.pair_id for entry in read_journal(store, PREFIX)]


def keys_in(store: Store) -> list[str]:
    return sorted(found.key.removeprefix(f"{PREFIX}/") for found in store.list(f"{PREFIX}/"))


class MemoryStore:
    """A store in a dict, with the same promises as the others."""

    uri, host = "memory://", "memory"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        try:
            return self.objects[key][:limit]
        except KeyError:
            raise ObjectMissing(f"{key} does not exist") from None

    def open(self, key: str) -> io.BytesIO:
        return io.BytesIO(self.get(key))

    def read(self, key: str, *, limit: int | None = None) -> Content:
        return Content(self.get(key)[:limit])

    def head(self, key: str) -> ObjectInfo | None:
        found = self.objects.get(key)
        return None if found is None else ObjectInfo(key, len(found))

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:
        with self.lock:
            found = [
                ObjectInfo(key, len(data))
                for key, data in sorted(self.objects.items())
                if key.startswith(prefix)
            ]
        return iter(found)

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        with self.lock:
            if only_new and key in self.objects:
                raise ObjectExists(f"{key} exists already")
            self.objects[key] = data

    def put_file(self, key: str, path: str) -> None:
        self.put(key, Path(path).read_bytes())

    def delete(self, key: str) -> None:
        with self.lock:
            self.objects.pop(key, None)


class Faulty:
    """A store whose operations a test can watch, refuse (`before` raises) or leave unanswered (`after`)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.before: Callable[[str, str], None] = lambda operation, key: None
        self.after: Callable[[str, str], None] = lambda operation, key: None

    @property
    def uri(self) -> str:
        return self._store.uri

    @property
    def host(self) -> str:
        return self._store.host

    def __getattr__(self, operation: str):
        inner = getattr(self._store, operation)

        def call(key, *args, **kwargs):
            self.before(operation, key)
            answer = inner(key, *args, **kwargs)
            self.after(operation, key)
            return answer

        return call
