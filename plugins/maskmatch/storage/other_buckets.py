"""The buckets beside the source that rows name: each is opened once, and left alone while it is away.

    failures in a row ──> away: its images are unavailable at once, but for one that tries, after ever longer
                          pauses ──that is read──> there again

So what a store that is away costs does not grow with the rows that name it.

Decision: docs/adr/0016-a-trouble-that-passes-is-no-failure.md
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from maskmatch.core.errors import StoreAway
from maskmatch.core.outage import Outage
from maskmatch.storage.object_stores import Store

IN_A_ROW = 3
"""A single object may break off again and again, and its bucket is well; this many hardly."""
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Bucket:
    store: Store
    outage: Outage
    failures: int = 0
    away: StoreAway | None = None
    next_try: float = 0.0
    is_tried: bool = False


class OtherBuckets:
    """Says which buckets may be asked, for all threads of a process; `say` is told of those that are away."""

    def __init__(
        self, open_store: Callable[[str], Store], *, now: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        self._open_store, self._now, self._say = open_store, now, say
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def store(self, name: str) -> Store:
        """Return a bucket, whether it is away or not."""
        return self._bucket(name).store

    @contextmanager
    def asking(self, name: str) -> Iterator[Store]:
        """Give a bucket, and learn from what becomes of it; raise StoreAway at once while it is away."""
        bucket = self._bucket(name)
        is_try = self._may_ask(bucket)
        try:
            yield bucket.store
        except StoreAway as error:
            self._failed(bucket, error, is_try=is_try)
            raise
        except Exception:
            self._answered(bucket)  # it says something of the object, or of our key
            raise
        else:
            self._answered(bucket)
        finally:
            if is_try:
                bucket.is_tried = False

    def _bucket(self, name: str) -> _Bucket:
        with self._lock:
            if name not in self._buckets:
                outage = Outage(now=self._now, say=self._say, longest_pause=LONGEST_PAUSE_SECONDS)
                self._buckets[name] = _Bucket(self._open_store(f"s3://{name}"), outage)
            return self._buckets[name]

    def _may_ask(self, bucket: _Bucket) -> bool:
        """Return True for the one that tries whether a bucket is there again."""
        with self._lock:
            if bucket.away is None:
                return False
            if bucket.is_tried or self._now() < bucket.next_try:
                raise bucket.away
            bucket.is_tried = True
            return True

    def _failed(self, bucket: _Bucket, error: StoreAway, *, is_try: bool) -> None:
        """Count a failure; those that were on their way when the bucket was found to be away add nothing."""
        with self._lock:
            bucket.failures += 1
            if bucket.failures < IN_A_ROW or (bucket.away and not is_try):
                return
            bucket.away = StoreAway(f"{error} (its bucket is away, and tried now and then)", error.rule)
            text = f"{bucket.store.uri} is away, its images are open rows until it is back: {error}"
            bucket.next_try = self._now() + bucket.outage.note_failure(text)

    def _answered(self, bucket: _Bucket) -> None:
        if bucket.failures:
            with self._lock:
                bucket.failures, bucket.away = 0, None
                bucket.outage.note_success(f"{bucket.store.uri} is read again")
