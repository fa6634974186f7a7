"""A folder that behaves as an object store with tags does, and counts what it is asked."""

import hashlib
from pathlib import Path

from maskmatch.core.errors import StoreAway, StoreRefused
from maskmatch.core.store_troubles import store_rule
from maskmatch.storage.object_stores import FileStore, ObjectInfo, Page


class TaggedStore(FileStore):
    """Tags are MD5s, but for keys with `parts`; a listing has pages of so many keys."""

    def __init__(self, root: Path, *, page_keys: int = 1000) -> None:
        super().__init__(root)
        self.page_keys = page_keys
        self.pages: list[str] = []
        self.heads: list[str] = []
        self.refuses_listing = False
        self.is_away = 0

    @property
    def uri(self) -> str:
        return "s3://bucket/source"

    def page(self, prefix: str, *, after: str = "") -> Page:
        self.pages.append(after)
        if self.refuses_listing:
            raise StoreRefused("you may not list", store_rule("AccessDenied"))
        self._fail_while_away()
        keys = sorted(each.key for each in self.list(prefix) if each.key > after)
        found = [self._tagged(key) for key in keys[: self.page_keys]]
        return Page(found, is_last=len(keys) <= self.page_keys)

    def head(self, key: str) -> ObjectInfo | None:
        if not key.startswith("manifests/"):
            self.heads.append(key)
            self._fail_while_away()
        return self._tagged(key) if super().head(key) else None

    def _tagged(self, key: str) -> ObjectInfo:
        data = self.get(key)
        end = "-2" if "parts" in key else ""
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return ObjectInfo(key, len(data), f'"{tag}{end}"')

    def _fail_while_away(self) -> None:
        if self.is_away:
            self.is_away -= 1
            raise StoreAway("not now", store_rule("unreachable"))
