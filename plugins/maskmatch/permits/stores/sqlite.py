"""The document in a SQLite file, for all processes of one host. Not for network file systems.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from maskmatch.core.clock import Clock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.steps.document import Moment, Step

T = TypeVar("T")

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS permit_documents (
        quota_key TEXT PRIMARY KEY, document BLOB NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS permit_orders (
        quota_key TEXT, number INTEGER, record BLOB NOT NULL, PRIMARY KEY (quota_key, number)
    ) STRICT, WITHOUT ROWID
    """,
)
_READ = "SELECT document FROM permit_documents WHERE quota_key = ?"
_WRITE = "INSERT OR REPLACE INTO permit_documents VALUES (?, ?)"
_RECORD = """
INSERT INTO permit_orders
SELECT :key, 1 + coalesce(max(number), 0), :record FROM permit_orders WHERE quota_key = :key
"""
_NEWEST = "SELECT record FROM permit_orders WHERE quota_key = ? ORDER BY number DESC LIMIT ?"
_WAIT_SECONDS = 30.0
_BUSY_SECONDS = 0.01


class SqliteDocument:
    """One row of a file, its clock the host's monotonic one; every step is one write transaction.

    A file that is made here, with what SQLite lays beside it, is for its user alone; one that is there keeps
    its mode.

    kill -9 leaves either the old or the new document. A jump of the wall clock does not touch it, and a
    reboot is seen as a timeline far in the future.
    """

    def __init__(self, path: Path, *, quota_key: str, clock: Clock) -> None:
        self._path = path
        self._key = quota_key
        self._clock = clock
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def change(self, step: Step[T], *, record: Callable[[Moment], bytes] | None = None) -> T:
        """Change the document; wait up to 30 s for other processes, then raise Unavailable."""
        with self._lock, self._errors():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                moment = self._moment()
                document, result = step(self._read(db), moment)
                db.execute(_WRITE, (self._key, document))
                if record:
                    db.execute(_RECORD, {"key": self._key, "record": record(moment)})
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
            return result

    def look(self, view: Callable[[bytes | None, Moment], T]) -> T:
        """Read the document; a file that is not there is not made."""
        with self._lock, self._errors():
            document = self._read(self._connection()) if self._inode_now() else None
        return view(document, self._moment())

    def records(self, newest: int) -> list[bytes]:
        """Return the newest records."""
        with self._lock, self._errors():
            if not self._inode_now():
                return []
            rows = self._connection().execute(_NEWEST, (self._key, newest)).fetchall()
        return [record for (record,) in rows]

    def _read(self, db: sqlite3.Connection) -> bytes | None:
        row = db.execute(_READ, (self._key,)).fetchone()
        return row[0] if row else None

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.utc())

    def now(self) -> float:
        """Return the host's monotonic time."""
        return self._clock.now()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()

    def _connection(self) -> sqlite3.Connection:
        """Return the connection, a new one when the file was moved away or replaced."""
        if self._db and self._inode_now() == self._inode:
            return self._db
        self._disconnect()
        make_private(self._path)
        self._db = self._opened()
        self._inode = self._inode_now()
        return self._db

    def _opened(self) -> sqlite3.Connection:
        give_up_at = self._clock.now() + _WAIT_SECONDS
        while True:
            db = sqlite3.connect(
                self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                return _made_ready(db)
            except sqlite3.Error as error:
                db.close()
                # Processes that make a file ready at once get an error instead of having to wait.
                is_busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
                if not is_busy or self._clock.now() > give_up_at:
                    raise
                self._clock.sleep(_BUSY_SECONDS)

    def _inode_now(self) -> int:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _disconnect(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            raise Unavailable(
                f"the permit store's file {self._path} cannot be used: {error}{_cure(error)}"
            ) from error


def _cure(error: Exception) -> str:
    """Return what a person does about a file that is damaged or has no room, nothing for other errors."""
    if type(error) is sqlite3.DatabaseError:
        return "; move it away, what was spent is then counted from zero"
    is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return "; free its disk" if is_full or getattr(error, "errno", None) == errno.ENOSPC else ""


def _made_ready(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")  # losing a second of bookings to a power cut is harmless
    for table in _SCHEMA:
        db.execute(table)
    return db


def make_private(path: Path) -> None:
    """Make a file for its user alone, and what folders it lacks; nothing where there is one."""
    for folder in reversed([each for each in path.parents if not each.exists()]):
        with suppress(FileExistsError):  # somebody else makes it at the same moment
            folder.mkdir(0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
