"""A broker in a SQLite file, for all processes of one host. Not for network file systems."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from maskmatch.core.errors import Unavailable
from maskmatch.core.pacing import Clock, Timeline, book, widen

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS timelines (
    quota_key TEXT PRIMARY KEY, next_slot REAL NOT NULL, margin REAL NOT NULL, widened_at REAL NOT NULL
) STRICT, WITHOUT ROWID
"""
_READ = "SELECT next_slot, margin, widened_at FROM timelines WHERE quota_key = ?"
_WRITE = "INSERT OR REPLACE INTO timelines VALUES (?, ?, ?, ?)"
_WAIT_SECONDS = 30.0


class SqliteBroker:
    """The timeline of one quota key, one row of a file; one instance may be used by many threads.

    The row holds times of the host's monotonic clock: a jump of the wall clock does not touch it, and a
    reboot is seen as a timeline far in the future (`core.pacing.book`). Every step is one write
    transaction, so kill -9 leaves either the old or the new state.
    """

    def __init__(self, path: Path, *, quota_key: str, calls_per_second: float, clock: Clock) -> None:
        self._path = path
        self._key = quota_key
        self._rate = calls_per_second
        self._clock = clock
        self._lock = threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(
                "PRAGMA synchronous = OFF"
            )  # losing a second of bookings to a power cut is harmless
            self._db.execute(_SCHEMA)

    def reserve(self, calls: int) -> Sequence[float]:
        """Book the next free slots; wait up to 30 s for other processes, then raise Unavailable."""
        return self._step(
            lambda timeline: book(timeline, now=self._clock.now(), calls=calls, calls_per_second=self._rate)
        )

    def throttled(self) -> None:
        """Widen the margin of everybody on this timeline."""
        self._step(lambda timeline: (widen(timeline, now=self._clock.now()), None))

    def timeline(self) -> Timeline:
        """Return the state as it is now."""
        return self._step(lambda timeline: (timeline, timeline))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _step(self, change: Callable[[Timeline], tuple[Timeline, T]]) -> T:
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                row = self._db.execute(_READ, (self._key,)).fetchone()
                timeline, result = change(Timeline(*row) if row else Timeline())
                self._db.execute(
                    _WRITE, (self._key, timeline.next_slot, timeline.margin, timeline.widened_at)
                )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            return result

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the broker's file {self._path} cannot be used: {error}") from error
