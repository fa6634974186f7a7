"""What *Test* of a connection does with a store: as little as shows that a run can use it."""

from collections.abc import Callable
from typing import TypeVar

from maskmatch.core.errors import StopRun, StoreAway, StoreRefused
from maskmatch.core.store_troubles import Kind
from maskmatch.storage.object_stores.base import Store

T = TypeVar("T")

MARKER = ".maskmatch-test"
"""The one object that is written. It is overwritten the next time, and nobody needs the right to delete."""


def try_store(store: Store, *, writes: bool) -> str:
    """List the store, read an object if there is one, write the marker if it `writes`; return what was done.

    Raise StopRun or StoreAway with what was done, what failed, and which right it needs.
    """
    done: list[str] = []
    found = _step("list", "s3:ListBucket", done, lambda: next(store.list("", page=1), None))
    done.append(f"listed {store.uri} at {store.host}")
    if found:
        _step("read", "s3:GetObject", done, lambda: store.get(found.key, limit=1))
    done.append(f"read {found.key or store.uri}" if found else "found no object to read")
    if writes:
        _step("write", "s3:PutObject", done, lambda: store.put(MARKER, b"written by Test of a connection\n"))
        done.append(f"wrote {MARKER}, which stays")
    return ", ".join(done)


def _step(name: str, right: str, done: list[str], work: Callable[[], T]) -> T:
    so_far = f"{', '.join(done)}; " if done else ""
    try:
        return work()
    except StoreAway as error:
        raise StoreAway(f"{so_far}cannot {name}: {error}", error.rule) from error
    except StoreRefused as error:
        needs = f" (it needs {right})" if error.rule.kind is Kind.PERMISSION else ""
        raise StopRun(f"{so_far}cannot {name}{needs}: {error}") from error
