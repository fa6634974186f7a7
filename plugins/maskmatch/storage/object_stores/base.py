"""The protocol of a store, and the probe that tells whether it honours conditional writes."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import BinaryIO, NamedTuple, Protocol

from maskmatch.core.errors import ConditionUnsupported, ObjectExists


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object: key below the store's root, size in bytes, and the tag of its content, if there is one."""

    key: str
    size: int
    tag: str | None = None


class Content(NamedTuple):
    """The bytes of an object, and the store's tag of just these, if it has tags."""

    data: bytes
    tag: str | None = None


class Tail(NamedTuple):
    """The last bytes of an object, and a mark of the version of it that they are of."""

    data: bytes
    version: str


class Page(NamedTuple):
    """What one request of a listing brings, and if no more follows."""

    objects: Sequence[ObjectInfo]
    is_last: bool


class Store(Protocol):
    """Objects below one root such as s3://bucket/prefix.

    Every method raises Unavailable when the store cannot be reached and StopRun when a person must fix
    bucket or credentials.
    """

    @property
    def uri(self) -> str:
        """Return the root, without a slash at its end."""
        ...

    @property
    def host(self) -> str:
        """Return the host that keeps the objects, with its port where it has one; `localhost` for files."""
        ...

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return an object whole, or its first `limit` bytes; raise ObjectMissing."""
        ...

    def read(self, key: str, *, limit: int | None = None) -> Content:
        """Return the same with its tag."""
        ...

    def peek(self, key: str, *, size: int) -> tuple[bytes, ObjectInfo]:
        """Return the first `size` bytes of an object, and what is known about it; raise ObjectMissing."""
        ...

    def tail(self, key: str, *, size: int) -> Tail | None:
        """Return the last `size` bytes of an object and its version, None when it is not there."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Return a stream over an object; raise ObjectMissing."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known about an object, None when it is not there."""
        ...

    def fingerprint(self, key: str) -> str:
        """Return a tag that changes with the content of an object; raise ObjectMissing."""
        ...

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with the prefix, in no order that may be relied on.

        A store is asked for `page` of them at a time, at most 1000.
        """
        ...

    def page(self, prefix: str, *, after: str = "") -> Page:
        """Return the next objects behind a key whose keys start with the prefix, by one request."""
        ...

    def list_others(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield what lies in a folder and is no object: its key, and what it is with the cure."""
        ...

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write an object whole; `only_new` raises ObjectExists where the store honours the condition.

        Raise ConditionUnsupported where the store refuses the condition itself.
        """
        ...

    def put_file(self, key: str, path: str) -> None:
        """Write an object from a local file, visible only when it is whole."""
        ...

    def swap(self, key: str, path: str, *, over: str | None) -> None:
        """Write an object from a file over just that version, None: where there is none.

        Raise ObjectExists when there is another, ConditionUnsupported where the store knows no conditions;
        some ignore them, which `probe_swaps` tells.
        """
        ...

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Return a stream into an object, which is there, whole, when the context ends well."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def signed_url(self, key: str, *, seconds: int) -> str | None:
        """Return an address that anybody can fetch for so long, None where there is no such thing."""
        ...


PROBE_KEY = "_probe/conditional-write"
"""It stays, so that nobody needs the right to delete."""


def probe_conditional_writes(store: Store) -> bool:
    """Return True if the store refuses a create-only write onto an object that is there.

    A 200 proves nothing (several servers ignore the condition), so the probe writes one key twice.
    """
    store.put(PROBE_KEY, b"1")
    try:
        store.put(PROBE_KEY, b"2", only_new=True)
    except ObjectExists:
        return store.get(PROBE_KEY) == b"1"
    except ConditionUnsupported:
        return False
    return False


def probe_swaps(store: Store) -> bool:
    """Return True if the store also refuses to replace a version that is not the present one."""
    if not probe_conditional_writes(store):
        return False
    with NamedTemporaryFile() as file:
        file.write(b"3")
        file.flush()
        try:
            store.swap(PROBE_KEY, file.name, over="0" * 32)
        except ObjectExists:
            return store.get(PROBE_KEY) == b"1"
        except ConditionUnsupported:
            return False
    return False
