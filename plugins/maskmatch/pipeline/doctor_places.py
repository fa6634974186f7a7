"""Look at what a run reads and writes: source, images, warehouse and the local disk."""

import os
import shutil
import ssl
import tempfile
from datetime import date
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from maskmatch.core.errors import InputError, StopRun, Unavailable
from maskmatch.core.shown import plain
from maskmatch.storage.images import Transfer
from maskmatch.storage.manifests import find_manifests
from maskmatch.storage.object_stores import Store, probe_conditional_writes
from maskmatch.storage.object_stores.trial import try_store

_MANIFESTS = "manifests/ds="
_URL_SECONDS = 60
_ANSWER_SECONDS = 10.0
_FREE_BYTES = 256 * 1024 * 1024
"""A shard's journal is put together there: some hundred bytes a pair."""


def look_at_source(source: Store, day: date | None) -> str:
    """List and read the source, and what is a manifest of a date; return what is there."""
    folder = _folder(source)
    if folder and not folder.is_dir():
        raise InputError(f"{source.uri} is no folder: make it, or name another with --source")
    done = try_store(source, writes=False)
    if day is None:
        if next(source.list(_MANIFESTS, page=1), None) is None:
            raise InputError(
                f"{done}, but there is nothing at {source.uri}/{_MANIFESTS}...: put the manifests of a date "
                f"into {source.uri}/{_MANIFESTS}YYYY-MM-DD/, or name another source with --source"
            )
        return f"{done}; --date looks at the manifests of a date, too"
    keys = ", ".join(map(plain, find_manifests(source, day).keys))
    return f"{done}; manifests of {day}: {keys}; maskmatch validate reads them"


def look_at_transfer(source: Store, transfer: Transfer) -> str:
    """Return how images reach the vendor; a signed URL is fetched once from here, and never shown."""
    if transfer is Transfer.BYTES:
        return "bytes: images are sent in the calls; --image-transfer url tries a signed URL"
    if source.signed_url("probe", seconds=1) is None:
        raise InputError(f"{source.uri} cannot sign URLs: use image_transfer bytes")
    found = next((each for each in source.list("", page=10) if each.size), None)
    if found is None:
        raise InputError(f"url: {source.uri} holds no object whose signed URL could be tried: put one there")
    address = f"{source.uri}/{plain(found.key)} at {source.host}"
    _fetch_first_byte(source.signed_url(found.key, seconds=_URL_SECONDS) or "", address)
    return f"url: a signed URL of {address} brings its bytes; the vendor must reach that host, too"


def _fetch_first_byte(url: str, address: str) -> None:
    """Ask for one byte by a signed URL; raise StopRun or Unavailable, which show the address alone."""
    request = Request(url, headers={"Range": "bytes=0-0"})  # noqa: S310  a store has signed it
    try:
        with urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            answer.read(1)
    except HTTPError as error:
        with error:
            status = error.code
        raise StopRun(
            f"url: a signed URL of {address} is refused ({status}): check the clock of this host, and that "
            "the key itself, not this network alone, may read; or use image_transfer bytes"
        ) from None
    except URLError as error:
        is_tls = isinstance(error.reason, ssl.SSLError)
        cure = "only a public authority is known to the vendor" if is_tls else "check network and proxies"
        why = type(error.reason).__name__ if isinstance(error.reason, OSError) else "no connection"
        raise Unavailable(f"url: a signed URL of {address} cannot be fetched ({why}): {cure}") from None
    except (OSError, HTTPException) as error:
        why = type(error).__name__
        raise Unavailable(f"url: a signed URL of {address} was not answered ({why}): try again") from None


def look_at_warehouse(warehouse: Store) -> str:
    """List, read and write the warehouse; return how safe two runs of one date are there.

    A folder that is not there is not made: the first run does.
    """
    folder = _folder(warehouse)
    if folder and not folder.exists():
        parent = next(each for each in folder.parents if each.exists())
        if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
            raise StopRun(
                f"{warehouse.uri} is not there, and {parent} may not be written: make it, or grant it"
            )
        return f"{warehouse.uri} is not there: the first run makes it below {parent}; check the name"
    done = try_store(warehouse, writes=True)
    if probe_conditional_writes(warehouse):
        return f"{done}, and writes only what is new when told so"
    return f"{done}, but has no conditional writes: the permit store alone keeps two runs of one date apart"


def look_at_disk() -> str:
    """Write a local temporary file as a task does; return how much is free there."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(4096))
            file.flush()
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StopRun(
            f"no temporary file can be written ({error.strerror or error}): free space there, or let TMPDIR "
            "name a folder that this user may write"
        ) from error
    if free < _FREE_BYTES:
        raise StopRun(
            f"{folder} has only {free / 1e6:,.0f} MB free, and journals are put together there: free "
            f"{_FREE_BYTES / 1e6:,.0f} MB, or let TMPDIR name another folder"
        )
    return f"{folder}, {free / 1e9:,.1f} GB free"


def _folder(store: Store) -> Path | None:
    """Return the folder of a store of files."""
    parts = urlsplit(store.uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
