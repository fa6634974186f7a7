"""Which objects are the manifests of a date."""

from datetime import date

from maskmatch.core.errors import InputError
from maskmatch.storage.object_stores import Store

FORMATS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx")
COMPRESSIONS = ("", ".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")
SUFFIXES = (*(form + compression for form in FORMATS for compression in COMPRESSIONS), ".zip")
"""What a manifest may be called; how it is read is told by its content."""


def folder_of(day: date) -> str:
    """Return the folder of the manifests of one date."""
    return f"manifests/ds={day.isoformat()}/"


def find_manifests(store: Store, day: date) -> list[str]:
    """Return the keys of the manifests of one date, sorted; raise InputError when there is none.

    A file that is no manifest by its name is an error too, unless it starts with _ or a dot: leaving it out
    could lose pairs unseen.
    """
    folder = folder_of(day)
    keys = sorted(found.key for found in store.list(folder))
    keys = [key for key in keys if not key.rpartition("/")[2].startswith(("_", "."))]
    endings = f"{', '.join(FORMATS)}, plain or with {', '.join(COMPRESSIONS[1:])}"
    if not keys:
        raise InputError(f"no manifest at {store.uri}/{folder}: put one there that ends in {endings}")
    if others := [key for key in keys if not key.lower().endswith(SUFFIXES)]:
        raise InputError(
            f"{store.uri}/{others[0]} is no manifest: rename it to end in {endings}, or remove it"
        )
    return keys
