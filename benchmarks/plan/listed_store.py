"""A source whose manifests lie in a folder, and whose images are a listing that was recorded."""

import time
from itertools import islice
from pathlib import Path
from typing import TextIO

from benchmarks.plan.dates import IMAGES, image_key, image_tag
from maskmatch.storage.object_stores import FileStore, ObjectInfo, Page

_PAGE_KEYS = 1000


def record_listing(path: Path) -> None:
    """Write key and tag of all images, in the order of their keys."""
    with path.open("w") as file:
        file.writelines(f"{image_key(number)} {image_tag(number)}\n" for number in range(IMAGES))


class ListedStore(FileStore):
    """Replays the listing in pages of a thousand, from its begin to its end, and counts what it is asked."""

    def __init__(self, root: Path, listing: Path) -> None:
        super().__init__(root)
        self._listing = listing
        self._open: TextIO | None = None
        self.pages = self.heads = 0
        self.replay_seconds = 0.0
        """CPU seconds that the stand-in itself took."""

    @property
    def uri(self) -> str:
        """Return an address of an object store, whose images have tags."""
        return "s3://bucket/source"

    def page(self, prefix: str, *, after: str = "") -> Page:
        """Return the next thousand images."""
        self.pages += 1
        began = time.process_time()
        if not after:
            self._open = self._listing.open()
        lines = (line.split() for line in islice(self._open or (), _PAGE_KEYS))
        found = [ObjectInfo(key, 1000, tag) for key, tag in lines if key.startswith(prefix)]
        self.replay_seconds += time.process_time() - began
        return Page(found, is_last=not found or found[-1].key == image_key(IMAGES - 1))

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of an image, and of a manifest what the folder tells."""
        if key.startswith("manifests/"):
            return super().head(key)
        self.heads += 1
        number = int(key.rpartition("/")[2].partition("-")[0])
        return ObjectInfo(key, 1000, image_tag(number))
