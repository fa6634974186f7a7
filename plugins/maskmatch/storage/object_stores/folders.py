"""What lies in a folder: files, and pipes, links and the like, which are told and never left out unseen."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from maskmatch.core.errors import InputError

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_OF_THE_DISK = "lost+found"
"""Where a source is a whole disk: the administrator's alone, and none of its objects."""


class Entry(NamedTuple):
    """A file with its size, or something else and what is wrong with it, with the cure."""

    path: Path
    size: int = 0
    trouble: str = ""


def walk(folder: Path, *, root: Path) -> Iterator[Entry]:
    """Yield what lies below a folder, in order; raise OSError for a folder that may not be read.

    What vanishes meanwhile is left out, as if it had vanished before.
    """
    waiting = [entry for entry in _lying_in(folder) if folder != root or entry.name != _OF_THE_DISK]
    while waiting:
        entry = waiting.pop()
        path = Path(entry.path)
        with suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                waiting += _lying_in(path)
                continue
            yield _entry(path, root)


def _lying_in(folder: Path) -> list["os.DirEntry[str]"]:
    """Return what lies in a folder, the last first."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name, reverse=True)


def _entry(path: Path, root: Path) -> Entry:
    if path.is_symlink():
        return _linked(path, root)
    found = path.stat()
    trouble = what_is_it(found.st_mode)
    return Entry(path, found.st_size, f"{trouble}: remove it" if trouble else "")


def _linked(path: Path, root: Path) -> Entry:
    try:
        target = path.resolve(strict=True)
        found = target.stat()
    except (OSError, RuntimeError):  # what it leads to is not there, or itself
        return Entry(path, trouble="a link that leads nowhere: remove it, or put the file there")
    if not target.is_relative_to(root):
        return Entry(path, trouble=f"a link that leads out of the store: {_PUT_THERE}")
    if stat.S_ISDIR(found.st_mode):
        return Entry(path, trouble=f"a linked folder, which is not entered: {_PUT_THERE}")
    trouble = what_is_it(found.st_mode)
    return Entry(path, found.st_size, f"a link to {trouble}: remove it" if trouble else "")


_PUT_THERE = "put the files themselves there, or remove it"


def what_is_it(mode: int) -> str:
    """Return what that is which is no file; nothing for a file."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for is_one, name in _KINDS if is_one(mode)), "no file")


def check_inside(number: int, path: Path, *, root: Path) -> None:
    """Raise InputError when an open file lies outside the root: a link has led there."""
    try:
        real = Path(f"/proc/self/fd/{number}").readlink()
    except OSError:  # a system without /proc
        real = path.resolve()
    if not real.is_relative_to(root):
        raise InputError(f"it is a link that leads out of {root.as_uri()}: put the file itself there")
