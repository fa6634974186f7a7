"""A store that waits while it is in trouble: for whoever has nothing else to do meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, TypeVar

from maskmatch.core.errors import StoreAway, StoreRefused
from maskmatch.core.outage import Outage
from maskmatch.core.waits import Waits
from maskmatch.storage.object_stores.base import Content, ObjectInfo, Page, Store, Tail

T = TypeVar("T")

LOOK_SECONDS = 2.0
"""Between two tries."""
_AT_FIRST_SECONDS = 15.0
"""So long a store that never let us in is asked again: most likely a setting is wrong, and somebody waits."""


class PatientStore:
    """Another store; what it refuses for now is asked again, for `patience_seconds` at most, until `stop`."""

    def __init__(
        self,
        store: Store,
        *,
        patience_seconds: float,
        say: Callable[[str], None],
        stop: threading.Event | None = None,
        now: Callable[[], float] = time.monotonic,
        waits: Waits | None = None,
    ) -> None:
        self._waits = waits
        self._store = store
        self._patience = patience_seconds
        self._say = say
        self._stop = stop or threading.Event()
        self._now = now
        self._has_answered = False

    @property
    def uri(self) -> str:
        """Return the root."""
        return self._store.uri

    @property
    def host(self) -> str:
        """Return the host."""
        return self._store.host

    @property
    def bare(self) -> Store:
        """Return the store itself, which does not wait."""
        return self._store

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return an object."""
        return self.patiently(lambda: self._store.get(key, limit=limit))

    def read(self, key: str, *, limit: int | None = None) -> Content:
        """Return an object and its tag."""
        return self.patiently(lambda: self._store.read(key, limit=limit))

    def peek(self, key: str, *, size: int) -> tuple[bytes, ObjectInfo]:
        """Return the first bytes of an object, and what is known about it."""
        return self.patiently(lambda: self._store.peek(key, size=size))

    def tail(self, key: str, *, size: int) -> Tail | None:
        """Return the last bytes of an object, and its version."""
        return self.patiently(lambda: self._store.tail(key, size=size))

    def open(self, key: str) -> BinaryIO:
        """Open an object; the stream itself does not wait."""
        return self.patiently(lambda: self._store.open(key))

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known about an object."""
        return self.patiently(lambda: self._store.head(key))

    def fingerprint(self, key: str) -> str:
        """Return the tag of an object's content."""
        return self.patiently(lambda: self._store.fingerprint(key))

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:
        """Yield objects; after a trouble those that were not yielded before."""
        seen: set[str] = set()
        listing: Iterator[ObjectInfo] | None = None

        def following() -> ObjectInfo | None:
            nonlocal listing
            listing = listing or iter(self._store.list(prefix, page=page))
            try:
                return next((found for found in listing if found.key not in seen), None)
            except (StoreAway, StoreRefused):
                listing = None
                raise

        while found := self.patiently(following):
            seen.add(found.key)
            yield found

    def page(self, prefix: str, *, after: str = "") -> Page:
        """Return the next objects behind a key."""
        return self.patiently(lambda: self._store.page(prefix, after=after))

    def list_others(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield what lies there and is no object."""
        return iter(self.patiently(lambda: list(self._store.list_others(prefix))))

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write an object."""
        self.patiently(lambda: self._store.put(key, data, only_new=only_new))

    def put_file(self, key: str, path: str) -> None:
        """Write an object from a file."""
        self.patiently(lambda: self._store.put_file(key, path))

    def swap(self, key: str, path: str, *, over: str | None) -> None:
        """Write an object over just that version; tried again after it did land it raises ObjectExists."""
        self.patiently(lambda: self._store.swap(key, path, over=over))

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Return a stream into an object; what is written to it is not written again."""
        return self._store.writing(key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.patiently(lambda: self._store.delete(key))

    def signed_url(self, key: str, *, seconds: int) -> str | None:
        """Return an address that anybody can fetch for so long."""
        return self._store.signed_url(key, seconds=seconds)

    def patiently(self, work: Callable[[], T]) -> T:
        """Return what some work with the store brings; it is begun anew after a trouble."""
        outage = Outage(
            now=self._now,
            say=self._say,
            patience_seconds=self._patience,
            waits=self._waits,
            what=f"the store {self.host}",
        )
        while True:
            try:
                result = work()
            except (StoreAway, StoreRefused) as error:
                outage.note_failure(self._waiting(error))
                if outage.seconds > self._most_seconds(error) or self._stop.wait(LOOK_SECONDS):
                    raise
            else:
                outage.note_success(f"{self.uri} answers again")
                self._has_answered = True
                return result

    def _most_seconds(self, error: StoreAway | StoreRefused) -> float:
        is_new = isinstance(error, StoreRefused) and not self._has_answered
        return min(self._patience, _AT_FIRST_SECONDS) if is_new else self._patience

    def _waiting(self, error: StoreAway | StoreRefused) -> str:
        seconds = self._most_seconds(error)
        return f"{self.uri} is asked again every {LOOK_SECONDS:.0f} s, at most {seconds:.0f} s: {error}"
