"""Images from a store, as bytes or as addresses that the vendor fetches itself."""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from cachetools import TTLCache, cached

from maskmatch.core.errors import ImageUnusable, InputError, ObjectMissing, StopRun
from maskmatch.core.image_rules import MAX_FILE_BYTES, ImageFacts, Picture, check_bytes, check_size
from maskmatch.storage.object_stores import Store

URL_SECONDS = 3600
KEPT_SECONDS = 1200
"""A picture is used again for so long; a signed URL then still lives longer than one pair is tried."""
KEPT_BYTES = 64 * 1024 * 1024
"""Memory for the pictures that were used last: an image is often in many pairs of a shard."""
_BESIDES_BYTES = 500


class Transfer(StrEnum):
    """How an image reaches the vendor: its bytes in the request, or a signed URL of the store."""

    BYTES = "bytes"
    URL = "url"


class StoreImages:
    """Loads images by key below a source folder, by s3:// address or by public http(s) address.

    Pictures stay in memory for a while, and nowhere else; threads that want the same one load it once.
    """

    def __init__(self, source: Store, *, transfer: Transfer, open_store: Callable[[str], Store]) -> None:
        if transfer is Transfer.URL and source.signed_url("probe", seconds=1) is None:
            raise InputError(f"{source.uri} cannot sign URLs: use image_transfer bytes")
        self._source = source
        self._transfer = transfer
        self._open_store = open_store
        self._buckets: dict[str, Store] = {}
        self._lock = threading.Lock()
        kept: TTLCache[str, _Loaded] = TTLCache(KEPT_BYTES, KEPT_SECONDS, getsizeof=_size)
        self._loaded = cached(kept, key=lambda image_id, _: image_id, condition=threading.Condition())(
            self._read
        )

    def load(self, image_id: str) -> Picture:
        """Return the image, checked as far as possible before a call; raise ImageUnusable."""
        if image_id.startswith(("http://", "https://")):
            return Picture(url=image_id, facts=ImageFacts(store_host=_host(image_id)))
        try:
            read: list[str] = []
            loaded = self._loaded(image_id, read)
        except ObjectMissing as error:
            raise ImageUnusable("image_missing", "there is no object under this key") from error
        except (StopRun, InputError) as error:  # the plan could read the source: only this image is not
            raise ImageUnusable("image_forbidden", str(error)) from error
        return loaded.now if read else loaded.later

    def _read(self, image_id: str, read: list[str]) -> "_Loaded":
        """Read the image, and record that it was read for this caller."""
        read.append(image_id)
        now = self._picture(image_id)
        facts = now.facts and replace(now.facts, load_ms=None)
        return _Loaded(now, replace(now, facts=facts, is_kept=True))

    def _picture(self, image_id: str) -> Picture:
        store, key = self._place(image_id)
        began = time.monotonic()
        if self._transfer is Transfer.BYTES:
            data, tag = store.read(key, limit=MAX_FILE_BYTES + 1)
            check_bytes(data)
            return Picture(data=data, facts=_facts(store, began, tag, data))
        if (found := store.head(key)) is None:
            raise ObjectMissing(key)
        check_size(found.size)
        facts = ImageFacts(store_host=store.host, tag=found.tag, size=found.size)
        return Picture(url=store.signed_url(key, seconds=URL_SECONDS), facts=facts)

    def _place(self, image_id: str) -> tuple[Store, str]:
        if not image_id.startswith("s3://"):
            return self._source, image_id
        bucket, _, key = image_id.removeprefix("s3://").partition("/")
        with self._lock:
            if bucket not in self._buckets:
                self._buckets[bucket] = self._open_store(f"s3://{bucket}")
            return self._buckets[bucket], key


def _host(address: str) -> str:
    """Return the host of an address; none where the address is not well-formed, which the vendor tells."""
    with suppress(ValueError):
        return urlsplit(address).hostname or ""
    return ""


def _facts(store: Store, began: float, tag: str | None, data: bytes) -> ImageFacts:
    """Return what the bytes of an image are known by; the clock stops before they are hashed."""
    return ImageFacts(
        store_host=store.host,
        load_ms=1000 * (time.monotonic() - began),
        tag=tag,
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )


class _Loaded(NamedTuple):
    """An image for who has read it, and for those who find it in memory: it took them no time."""

    now: Picture
    later: Picture


def _size(loaded: _Loaded) -> int:
    return len(loaded.now.data or loaded.now.url or "") + _BESIDES_BYTES
