"""Images from a store, as bytes or as addresses that the vendor fetches itself."""

import threading
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

from maskmatch.adapters.stores import Store
from maskmatch.core.errors import ImageUnusable, InputError, ObjectMissing, StopRun
from maskmatch.core.images import MAX_FILE_BYTES, Picture, check_bytes, check_size

URL_SECONDS = 3600
"""A signed URL lives longer than one pair is tried."""
SIZES_KNOWN = 100_000
"""An image that is sent as URL is looked up once, not for each of its pairs: some 20 MB of memory at most."""

_LOOKUPS = 256
"""Images that may be looked up at the same time."""


class Transfer(StrEnum):
    """How an image reaches the vendor: its bytes in the request, or a signed URL of the store."""

    BYTES = "bytes"
    URL = "url"


class StoreImages:
    """Loads images by key below a source folder, by s3:// address or by public http(s) address.

    Nothing is kept: a signed URL is made just before the call, and image bytes go with the pair.
    """

    def __init__(self, source: Store, *, transfer: Transfer, open_store: Callable[[str], Store]) -> None:
        if transfer is Transfer.URL and source.signed_url("probe", seconds=1) is None:
            raise InputError(f"{source.uri} cannot sign URLs: use image_transfer bytes")
        self._source = source
        self._transfer = transfer
        self._open_store = open_store
        self._buckets: dict[str, Store] = {}
        self._lock = threading.Lock()
        self._looking_up = [threading.Lock() for _ in range(_LOOKUPS)]
        self._check_once = lru_cache(SIZES_KNOWN)(self._check_stored)

    def load(self, image_id: str) -> Picture:
        """Return the image, checked as far as can be before a call; raise ImageUnusable."""
        if image_id.startswith(("http://", "https://")):
            return Picture(url=image_id)
        try:
            return self._picture(image_id)
        except ObjectMissing as error:
            raise ImageUnusable("image_missing", "there is no object under this key") from error
        except (StopRun, InputError) as error:  # the plan could read the source: only this image is not
            raise ImageUnusable("image_forbidden", str(error)) from error

    def _picture(self, image_id: str) -> Picture:
        store, key = self._place(image_id)
        if self._transfer is Transfer.URL:
            with self._looking_up[hash(image_id) % _LOOKUPS]:  # else all threads would miss it together
                self._check_once(image_id)
            return Picture(url=store.signed_url(key, seconds=URL_SECONDS))
        data = store.get(key, limit=MAX_FILE_BYTES + 1)
        check_bytes(data)
        return Picture(data=data)

    def _check_stored(self, image_id: str) -> None:
        store, key = self._place(image_id)
        if (found := store.head(key)) is None:
            raise ObjectMissing(key)
        check_size(found.size)

    def _place(self, image_id: str) -> tuple[Store, str]:
        if not image_id.startswith("s3://"):
            return self._source, image_id
        bucket, _, key = image_id.removeprefix("s3://").partition("/")
        with self._lock:
            if bucket not in self._buckets:
                self._buckets[bucket] = self._open_store(f"s3://{bucket}")
            return self._buckets[bucket], key
