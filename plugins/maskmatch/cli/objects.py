"""A single file or object as it is typed: a path, file:///path or s3://bucket/key."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.options import source_store
from maskmatch.core.errors import InputError
from maskmatch.core.image_ids import place_of_secret
from maskmatch.core.places import S3Place, read_place

if TYPE_CHECKING:
    from maskmatch.storage.object_stores import Store

_DATE_FOLDER = re.compile(r"(.*?/)??(manifests/ds=[^/]+/.+)", re.DOTALL)


def typed_place(text: str) -> Path | S3Place:
    """Return what a text names: a path of this host, or a bucket and a key; raise InputError."""
    place = read_place(text.strip()) if "://" in text else Path(text)
    return place.resolve() if isinstance(place, Path) else place


def existing_object(text: str) -> "tuple[Store, str]":
    """Return the store of a file that is to be read, and its key there; raise InputError."""
    if place_of_secret(text) is not None:
        raise InputError(
            "a name in what was typed may hold a key, as an address with a user or a query does: name the "
            "file anew, and withdraw the key"
        )
    place = typed_place(text)
    if isinstance(place, Path) and not place.is_file():
        raise InputError(f"there is no file {text!r}: name one, or a date by --date")
    return opened(place, text)


def opened(place: Path | S3Place, text: str) -> "tuple[Store, str]":
    """Return the store of a place, and its key there; raise InputError for a bucket alone."""
    from maskmatch.storage.object_stores import FileStore

    if isinstance(place, Path):
        root, key = _parted(place.as_posix())
        return FileStore(Path(root)), key
    root, key = _parted(place.key)
    if not key:
        raise InputError(f"{text!r} names no object: s3://bucket/key is one")
    return source_store(f"s3://{place.bucket}/{root}"), key


def _parted(path: str) -> tuple[str, str]:
    """Return what lies above the folder of manifests, else the folder, and the rest of a path."""
    if found := _DATE_FOLDER.fullmatch(path):
        return found[1] or "", found[2]
    root, slash, key = path.rpartition("/")
    return root + slash, key
