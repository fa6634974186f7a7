"""Images from a store, as bytes or as addresses that the vendor fetches itself."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from cachetools import TTLCache, cached

from maskmatch.core.addresses import hint_for_missing
from maskmatch.core.errors import (
    ImageUnusable,
    InputError,
    ObjectMissing,
    StopRun,
    StoreAway,
    StoreRefused,
    WrongSetting,
)
from maskmatch.core.image_heads import HEAD_BYTES, is_decided
from maskmatch.core.image_rules import MAX_FILE_BYTES, ImageFacts, Picture, check_head
from maskmatch.core.reach import IMAGE_NOT_ALLOWED, Reach, is_elsewhere
from maskmatch.core.store_troubles import IMAGE_UNAVAILABLE, Kind, failure_code
from maskmatch.storage.object_stores import Store
from maskmatch.storage.other_buckets import OtherBuckets
from maskmatch.storage.source_watch import SourceWatch

URL_SECONDS = 300
"""A signed URL is made for one call, which has ended long before."""
KEPT_SECONDS = 1200
"""What was read of an image is used again for so long."""
KEPT_BYTES = 64 * 1024 * 1024
"""Memory for the pictures that were used last: an image is often in many pairs of a shard."""
_BESIDES_BYTES = 500
POLICY_VERSION = 1
"""To be counted up when the same image is sent in another form (scaled, turned, encoded anew) than before:
answers to the former are then no answers to the latter, and are not taken over."""


class Transfer(StrEnum):
    """How an image reaches the vendor: its bytes in the request, or a signed URL of the store."""

    BYTES = "bytes"
    URL = "url"

    @property
    def policy(self) -> str:
        """Return how images are sent, as journals say it: an answer holds for images sent in the same way."""
        return f"{self}-{POLICY_VERSION}"


class StoreImages:
    """Loads images by key below a source folder, by s3:// address or by public https address.

    Pictures stay in memory for a while, and nowhere else; threads that want the same one load it once.
    """

    def __init__(
        self,
        source: Store,
        watch: SourceWatch,
        *,
        transfer: Transfer,
        others: OtherBuckets,
        reach: Reach,
    ) -> None:
        if transfer is Transfer.URL and source.signed_url("probe", seconds=1) is None:
            raise InputError(f"{source.uri} cannot sign URLs: use image_transfer bytes")
        self._source = source
        self._watch = watch
        self._transfer = transfer
        self._reach = reach
        self._others = others
        self._kept: TTLCache[str, _Loaded] = TTLCache(KEPT_BYTES, KEPT_SECONDS, getsizeof=_size)
        self._kept_lock = threading.Condition()
        self._loaded = cached(self._kept, key=lambda image_id, _: image_id, condition=self._kept_lock)(
            self._read
        )

    def load(self, image_id: str) -> Picture:
        """Return the image, checked as far as possible before a call.

        Raise ImageUnusable when it must not be sent, is no image, is not there, may not be read, or its
        store, which is not the source, cannot be used; SourceWaits while the source or our key may be the
        reason, and StoreRefused or StoreAway when that has lasted too long.
        """
        if wrong := self._reach.what_is_wrong(image_id, source=self._source.uri):
            raise ImageUnusable(IMAGE_NOT_ALLOWED, wrong)
        if image_id.startswith(("http://", "https://")):
            return Picture(url=image_id, facts=ImageFacts(store_host=_host(image_id), image_id=image_id))
        began = self._watch.now()
        try:
            return self._kept_or_read(image_id)
        except (StoreRefused, StoreAway) as error:
            if self._is_elsewhere(image_id):
                raise ImageUnusable(failure_code(error.rule.kind), str(error)) from error
            self._watch.judge(image_id, error, began=began)
        except StopRun as error:  # the settings of another store do not even let us ask
            raise ImageUnusable(IMAGE_UNAVAILABLE, str(error)) from error
        return self._read_again(image_id)

    def forget(self, image_id: str) -> bool:
        """Look at an image anew when it is wanted next; return False for one that no store is asked for.

        The vendor could not fetch it: store, key or image may have changed since it was looked at.
        """
        if self._transfer is Transfer.BYTES or image_id.startswith(("http://", "https://")):
            return False
        with self._kept_lock:
            self._kept.pop(image_id, None)
        return True

    def _read_again(self, image_id: str) -> Picture:
        """Read an image of a source that was proved well; the refusal may have been its last one."""
        try:
            return self._kept_or_read(image_id)
        except (StoreRefused, StoreAway) as error:
            if error.rule.is_passing:
                self._watch.judge(image_id, error)
            raise ImageUnusable(failure_code(error.rule.kind), str(error)) from error

    def _kept_or_read(self, image_id: str) -> Picture:
        read: list[str] = []
        try:
            loaded = self._loaded(image_id, read)
        except ObjectMissing as error:
            why = f"there is no object under this key{hint_for_missing(image_id)}"
            raise ImageUnusable(failure_code(Kind.MISSING), why) from error
        except WrongSetting as error:
            raise ImageUnusable(IMAGE_UNAVAILABLE, str(error)) from error
        except InputError as error:
            raise ImageUnusable(failure_code(Kind.INVALID_KEY), str(error)) from error
        if read and not self._is_elsewhere(image_id):
            self._watch.is_well(image_id, *self._place(image_id))
        picture = loaded.now if read else loaded.later
        return picture if self._transfer is Transfer.BYTES else self._signed(image_id, picture)

    def _signed(self, image_id: str, picture: Picture) -> Picture:
        store, key = self._place(image_id)
        return replace(picture, url=store.signed_url(key, seconds=URL_SECONDS))

    def _is_elsewhere(self, image_id: str) -> bool:
        return is_elsewhere(image_id, source=self._source.uri)

    def _read(self, image_id: str, read: list[str]) -> "_Loaded":
        """Read the image, and record that it was read for this caller."""
        read.append(image_id)
        now = self._picture(image_id)
        facts = now.facts and replace(now.facts, load_ms=None)
        return _Loaded(now, replace(now, facts=facts, is_kept=True))

    def _picture(self, image_id: str) -> Picture:
        with self._asked(image_id) as (store, key):
            return self._looked_at(image_id, store, key)

    def _looked_at(self, image_id: str, store: Store, key: str) -> Picture:
        began = time.monotonic()
        if self._transfer is Transfer.BYTES:
            data, tag = store.read(key, limit=MAX_FILE_BYTES + 1)
            check_head(data, size=len(data))
            return Picture(data=data, facts=_facts(image_id, store, began, tag, data))
        data, found = store.peek(key, size=HEAD_BYTES)
        if found.size <= MAX_FILE_BYTES and not is_decided(data, size=found.size):
            data, found = store.peek(key, size=MAX_FILE_BYTES)  # a camera's notes may be long
        check_head(data, size=found.size)
        facts = ImageFacts(store_host=store.host, image_id=image_id, tag=found.tag, size=found.size)
        return Picture(facts=facts)

    @contextmanager
    def _asked(self, image_id: str) -> Iterator[tuple[Store, str]]:
        """Give store and key of an image to be read; raise StoreAway at once if its bucket is away."""
        if not self._is_elsewhere(image_id):
            yield self._place(image_id)
            return
        bucket, key = _bucket_and_key(image_id)
        with self._others.asking(bucket) as store:
            yield store, key

    def _place(self, image_id: str) -> tuple[Store, str]:
        if not image_id.startswith("s3://"):
            return self._source, image_id
        bucket, key = _bucket_and_key(image_id)
        return self._others.store(bucket), key


def _bucket_and_key(image_id: str) -> tuple[str, str]:
    bucket, _, key = image_id.removeprefix("s3://").partition("/")
    return bucket, key


def _host(address: str) -> str:
    """Return the host of an address; none where the address is not well-formed, which the vendor tells."""
    with suppress(ValueError):
        return urlsplit(address).hostname or ""
    return ""


def _facts(image_id: str, store: Store, began: float, tag: str | None, data: bytes) -> ImageFacts:
    """Return what the bytes of an image are known by; the clock stops before they are hashed."""
    return ImageFacts(
        store_host=store.host,
        image_id=image_id,
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
