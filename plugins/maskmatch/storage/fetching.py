"""An object as a local file: fetched whole, unpacked where its reader must jump, within bounds."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from maskmatch.core.errors import InputError, Unavailable
from maskmatch.storage.object_stores import Store
from maskmatch.storage.object_stores.copying import copy_object
from maskmatch.storage.object_stores.temporary import remove_leftovers, temporary_file

SPARE_BYTES = 256 * 1024 * 1024
"""Left free for all else that writes to the disk."""
MOST_BYTES = 64 * 1024**3
"""Of one file: a hundred million rows as csv are a fifth of it."""
_BLOCK = 1 << 20


@contextmanager
def fetched(store: Store, key: str) -> Iterator[Path]:
    """Yield a local copy of an object, which is removed afterwards; raise as `copied` does."""
    with _temporary() as (path, file):
        copy_object(store, key, file, _copy)
        file.flush()
        yield path


@contextmanager
def copied(stream: BinaryIO) -> Iterator[Path]:
    """Yield a file with what a stream brings; raise InputError or Unavailable when there is no room."""
    with _temporary() as (path, file):
        _copy(stream, file)
        file.flush()
        yield path


@contextmanager
def _temporary() -> Iterator[tuple[Path, BinaryIO]]:
    folder = Path(tempfile.gettempdir())
    remove_leftovers(folder)
    with temporary_file(folder) as found:
        yield found


def _copy(stream: BinaryIO, file: IO[bytes]) -> None:
    folder = Path(tempfile.gettempdir())
    room = shutil.disk_usage(folder).free - SPARE_BYTES
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > MOST_BYTES:
            raise InputError(f"it has more than {MOST_BYTES:,} bytes: split it")
        if size > room:
            raise Unavailable(
                f"{folder} has no room for a copy of an object: free it, or let TMPDIR name a larger disk"
            )
        file.write(block)
