"""A store in a folder: for one host, without any server."""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from maskmatch.core.errors import InputError, ObjectExists, ObjectMissing, StoreAway, StoreRefused
from maskmatch.core.shown import plain
from maskmatch.core.store_troubles import store_rule
from maskmatch.storage.object_stores.base import Content, ObjectInfo, Page, Tail
from maskmatch.storage.object_stores.folders import Entry, check_inside, walk
from maskmatch.storage.object_stores.modes import PRIVATE_MODE, TABLE_MODE, folder_mode
from maskmatch.storage.object_stores.temporary import is_temporary, remove_leftovers, temporary_file

TABLE_FOLDERS = ("outcomes", "runs", "attempts", "images")
"""Below the root, what analysts read."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MISSING = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}


class FileStore:
    """Objects are files below a root; a reader sees a file whole or not at all.

    Whatever the umask, tables get `table_mode` and all else is for the user alone. Folders that are there
    keep their modes.
    """

    def __init__(self, root: Path, *, table_mode: int = TABLE_MODE) -> None:
        self._root = root.resolve()
        self._table_mode = table_mode
        self._tidied: set[Path] = set()

    @property
    def uri(self) -> str:
        """Return file:///path."""
        return self._root.as_uri()

    @property
    def host(self) -> str:
        """Return localhost."""
        return "localhost"

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return a file whole, or its first bytes."""
        with self.open(key) as stream:
            return stream.read(limit if limit is not None else -1)

    def read(self, key: str, *, limit: int | None = None) -> Content:
        """Return a file whole, or its first bytes; there are no tags."""
        return Content(self.get(key, limit=limit))

    def peek(self, key: str, *, size: int) -> tuple[bytes, ObjectInfo]:
        """Return the first bytes of a file, and its size."""
        with self.open(key) as stream:
            return stream.read(size), ObjectInfo(key, os.fstat(stream.fileno()).st_size)

    def tail(self, key: str, *, size: int) -> Tail | None:
        """Return the last bytes of a file, and its number, time and size."""
        try:
            stream = self.open(key)
        except ObjectMissing:
            return None
        with stream:
            found = os.fstat(stream.fileno())
            stream.seek(max(0, found.st_size - size))
            return Tail(stream.read(), _version(found))

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading."""
        path = self._path(key)
        try:
            if path.exists() and not path.is_file():
                raise ObjectMissing(f"{self._address(key)} is not a file")
            stream = path.open("rb")
        except OSError as error:
            raise self._translated(error, key) from error
        try:
            check_inside(stream.fileno(), path, root=self._root)
        except InputError as error:
            stream.close()
            raise InputError(f"{self._address(key)} cannot be read: {error}") from None
        return stream

    def head(self, key: str) -> ObjectInfo | None:
        """Return the size, and as a tag what another file in its place would not have."""
        return self._info(self._path(key))

    def fingerprint(self, key: str) -> str:
        """Return the SHA-256 of the content."""
        with self.open(key) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it is a file

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:  # noqa: ARG002  one at a time
        """Yield the files whose path starts with the prefix; raise StoreRefused for a closed folder."""
        for key, entry in self._walk(prefix):
            if not entry.trouble:
                yield ObjectInfo(key, entry.size)

    def page(self, prefix: str, *, after: str = "") -> Page:
        """Return all files behind a key: nobody is asked."""
        files = sorted(self.list(prefix), key=lambda each: each.key)
        return Page([each for each in files if each.key > after], is_last=True)

    def list_others(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield what is no file, or a link that leads away: its key, and what it is with the cure."""
        for key, entry in self._walk(prefix):
            if entry.trouble:
                yield key, entry.trouble

    def _walk(self, prefix: str) -> Iterator[tuple[str, Entry]]:
        folder = self._path(prefix.rpartition("/")[0])
        try:
            for entry in walk(folder, root=self._root):
                key = entry.path.relative_to(self._root).as_posix()
                if key.startswith(prefix) and not is_temporary(entry.path):
                    yield key, entry
        except OSError as error:
            where = Path(error.filename or folder)
            if error.errno in _MISSING and where == folder:
                return
            raise self._translated(error, where.relative_to(self._root).as_posix()) from error

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write a file beside its place, make it durable, then move it there under a lock."""
        with self._written(key, _must_be_new if only_new else _may_be_any) as temporary:
            temporary.write(data)

    def put_file(self, key: str, path: str) -> None:
        """Copy a file into the store."""
        with self.writing(key) as temporary:
            _copy(path, temporary)

    def swap(self, key: str, path: str, *, over: str | None) -> None:
        """Copy a file into the store, over just that version."""

        def check(place: Path) -> None:
            if (_version(place.stat()) if place.exists() else None) != over:
                raise ObjectExists(f"{place} is not what it was")

        with self._written(key, check) as temporary:
            _copy(path, temporary)

    def delete(self, key: str) -> None:
        """Remove a file."""
        self._path(key).unlink(missing_ok=True)

    def signed_url(self, key: str, *, seconds: int) -> None:
        """Return None: nobody else can fetch a file of this host."""

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Yield a file beside its place, which is made durable and moved there at the end."""
        return self._written(key, _may_be_any)

    @contextmanager
    def _written(self, key: str, check: Callable[[Path], None]) -> Iterator[BinaryIO]:
        path = self._path(key)
        try:
            self._prepare(path.parent)
            with temporary_file(path.parent) as (temporary, stream):
                yield stream
                stream.flush()
                os.fchmod(stream.fileno(), self._mode(path))
                os.fsync(stream.fileno())
                self._move(temporary, path, check)
        except OSError as error:
            raise self._unwritten(error, path) from error

    def _prepare(self, folder: Path) -> None:
        """Make a folder unless it is there; the first time, remove what killed processes left in it."""
        if folder in self._tidied and folder.is_dir():
            return
        if not folder.resolve().is_relative_to(self._root):
            raise InputError(f"{folder} leads out of {self.uri} by a link: make it a folder of its own there")
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            with suppress(FileExistsError):  # somebody else makes it at the same moment
                missing.mkdir(PRIVATE_MODE | stat.S_IXUSR)
                missing.chmod(folder_mode(self._mode(missing)) | missing.stat().st_mode & stat.S_ISGID)
        remove_leftovers(folder)
        self._tidied.add(folder)

    def _mode(self, path: Path) -> int:
        """Return the mode of a file; the root, and what it lies in, must be entered by readers of tables."""
        below = path.parts[len(self._root.parts) :]
        return self._table_mode if not below or below[0] in TABLE_FOLDERS else PRIVATE_MODE

    def _translated(self, error: OSError, key: str) -> Exception:
        if error.errno in _MISSING:
            return ObjectMissing(f"{self._address(key)} does not exist")
        if isinstance(error, PermissionError):
            text = f"{self._address(key)} may not be read by this user: grant it"
            return StoreRefused(text, store_rule("AccessDenied"))
        return StoreAway(
            f"{self._address(key)} cannot be read: {error.strerror or error}", store_rule("unreachable")
        )

    def _unwritten(self, error: OSError, path: Path) -> Exception:
        if error.errno in _FULL:
            text = f"{path} cannot be written: {error.strerror}: free space below {self.uri}"
            return StoreAway(text, store_rule("QuotaExceeded"))
        if error.errno in _FORBIDDEN:
            text = f"{path} may not be written by this user ({error.strerror}): grant it"
            return StoreRefused(text, store_rule("AccessDenied"))
        return StoreAway(f"{path} cannot be written: {error}", store_rule("unreachable"))

    def _move(self, temporary: Path, path: Path, check: Callable[[Path], None]) -> None:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            check(path)
            temporary.replace(path)
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, key: str) -> Path:
        # By its text, since asking the system for each folder would cost more than reading a small file.
        if key.startswith("/") or ".." in key.split("/"):
            raise ObjectMissing(f"{plain(key)} is not below {self.uri}")
        return self._root / key

    def _address(self, key: str) -> str:
        return f"{self.uri}/{plain(key)}"

    def _info(self, path: Path) -> ObjectInfo | None:
        """Return nothing for what is not a file, or none any longer."""
        try:
            found = path.stat()
        except OSError as error:
            if error.errno in _MISSING:
                return None
            raise self._translated(error, path.relative_to(self._root).as_posix()) from error
        if not stat.S_ISREG(found.st_mode):
            return None
        return ObjectInfo(path.relative_to(self._root).as_posix(), found.st_size, _version(found))


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _may_be_any(path: Path) -> None:
    """Accept whatever is there."""


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise ObjectExists(f"{path} exists already")


def _copy(path: str, target: BinaryIO) -> None:
    with Path(path).open("rb") as source:
        shutil.copyfileobj(source, target, 1 << 20)
