"""Files that are being written: locked by their writer, so that those of killed processes can be removed."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PREFIX = ".writing-"
_OLD_SECONDS = 86400.0
"""No write takes so long; locks of other hosts are not seen on every shared folder."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def is_temporary(path: Path) -> bool:
    """Return True for a file that is being written, or was when its process was killed."""
    return path.name.startswith(_PREFIX)


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield the path of a new file and the file, mode 0600; it is removed unless it was moved away."""
    path, stream = _locked_file(folder)
    with stream:
        try:
            yield path, stream
        finally:
            path.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes of this host have left; of other hosts, what is older than a day."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody writes it, or it is not ours to remove
            _remove_unlocked(path)


def _locked_file(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        number, name = tempfile.mkstemp(dir=folder, prefix=_own_prefix())
        stream = os.fdopen(number, "wb")
        with suppress(BlockingIOError):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(number).st_nlink:
                return Path(name), stream
        stream.close()  # between two lines above somebody took it for a leftover


def _remove_unlocked(path: Path) -> None:
    number = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_old = time.time() - os.fstat(number).st_mtime > _OLD_SECONDS
        if is_old or path.name.startswith(_own_prefix()):
            path.unlink()
    finally:
        os.close(number)


def _own_prefix() -> str:
    """Return how the names of this host begin: by its running kernel, which keeps the locks."""
    try:
        kernel = _BOOT_ID.read_text()[:8]
    except OSError:
        kernel = os.uname().nodename
    return f"{_PREFIX}{kernel}-"
