"""Objects brought to local disk: one that breaks off is brought anew."""

import shutil
from collections.abc import Callable
from functools import partial
from typing import IO, BinaryIO

from maskmatch.core.errors import StoreAway
from maskmatch.storage.object_stores.base import Store

_TRIES = 3
"""Each begins anew; the store has its own patience at the begin of one."""
_copy = partial(shutil.copyfileobj, length=1 << 20)


def copy_object(
    store: Store, key: str, file: IO[bytes], copy: Callable[[BinaryIO, IO[bytes]], None] = _copy
) -> None:
    """Write an object into a file, with `copy`; raise StoreAway when it broke off every time."""
    for left in reversed(range(_TRIES)):
        try:
            file.seek(0)
            file.truncate()
            with store.open(key) as body:
                copy(body, file)
        except StoreAway:
            if not left:
                raise
        else:
            return
