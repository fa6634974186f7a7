"""A store in a folder: for one host, without any server."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from maskmatch.adapters.stores.base import ObjectInfo
from maskmatch.core.errors import ObjectExists, ObjectMissing, Unavailable

_TEMPORARY = ".writing-"


class FileStore:
    """Objects are files below a root; a reader sees a file whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @property
    def uri(self) -> str:
        """Return file:///path."""
        return self._root.as_uri()

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return a file whole, or its first bytes."""
        with self.open(key) as stream:
            return stream.read(limit if limit is not None else -1)

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading."""
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectMissing(f"{self._path(key)} does not exist") from error

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and a tag made of inode, time and size."""
        path = self._path(key)
        return self._info(path) if path.is_file() else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the files whose path starts with the prefix."""
        folder = self._path(prefix.rpartition("/")[0])
        for path in sorted(folder.rglob("*")):
            info = self._info(path) if path.is_file() and not path.name.startswith(_TEMPORARY) else None
            if info and info.key.startswith(prefix):
                yield info

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write a file beside its place, make it durable, then move it there under a lock."""
        with self._placing(key, only_new=only_new) as temporary:
            temporary.write(data)

    def put_file(self, key: str, path: str) -> None:
        """Copy a file into the store."""
        with self._placing(key, only_new=False) as temporary, Path(path).open("rb") as source:
            while block := source.read(1 << 20):
                temporary.write(block)

    def delete(self, key: str) -> None:
        """Remove a file."""
        self._path(key).unlink(missing_ok=True)

    def signed_url(self, key: str, *, seconds: int) -> None:
        """Return None: nobody else can fetch a file of this host."""

    @contextmanager
    def _placing(self, key: str, *, only_new: bool) -> Iterator[BinaryIO]:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_TEMPORARY, delete=False) as temporary:
                try:
                    yield temporary  # type: ignore[misc]  # the wrapper behaves as a BinaryIO
                    temporary.flush()
                    os.fsync(temporary.fileno())
                    self._move(Path(temporary.name), path, only_new=only_new)
                finally:
                    Path(temporary.name).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error}") from error

    def _move(self, temporary: Path, path: Path, *, only_new: bool) -> None:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if only_new and path.exists():
                raise ObjectExists(f"{path} exists already")
            temporary.replace(path)
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, key: str) -> Path:
        return self._root / key

    def _info(self, path: Path) -> ObjectInfo:
        stat = path.stat()
        tag = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
        return ObjectInfo(path.relative_to(self._root).as_posix(), stat.st_size, tag)
