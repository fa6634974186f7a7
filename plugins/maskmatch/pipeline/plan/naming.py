"""Second step: what the images of each row are known by, and with that which comparison it is.

Decision: docs/adr/0019-the-same-work-is-known-by-its-content.md
Decision: docs/adr/0020-a-plan-out-of-core.md
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.errors import MaskmatchError
from maskmatch.core.side_steps import Behind
from maskmatch.pipeline.plan.hashes import Words, as_bytes, comparisons, content_names, fixed_bytes, words
from maskmatch.pipeline.plan.reading import SOURCE, ReadRows, in_place, numbered
from maskmatch.storage.image_tags import ImageTags, Sought, find_tags
from maskmatch.storage.object_stores import PatientStore, Store
from maskmatch.storage.sorted_hashes import text_hashes
from maskmatch.storage.spools import PARTS, FixedWidthFile, ScatteredRecords

log = logging.getLogger(__name__)

OpenBucket = Callable[[str], Store | None]
"""Returns a bucket by its address, None for one of which manifests may not name images."""
COMPARISONS = np.dtype(
    [
        ("high", np.uint64),
        ("low", np.uint64),
        ("fingerprint_high", np.uint64),
        ("fingerprint_low", np.uint64),
        ("pair", np.uint64),
        ("row", np.int64),
        ("stratum", np.uint16),
        ("is_swapped", np.bool_),
        ("is_same_image", np.bool_),
        ("brings_row_id", np.bool_),
    ]
)
"""The comparison of a row, its fingerprint, a hash of its pair id, and what else decides on it."""
TAG_PLACES = np.dtype([("reference", np.int32), ("probe", np.int32)])
"""Where the MD5s of both images stand among the tags."""
_SIDES = ("reference", "probe")
_PART = np.uint64(2**64 // PARTS)
_MATED = 4
"""Strata of one value of the attribute: mated, not, unknown; the rest of the number is of the value."""


@dataclass(slots=True)
class NamedRows:
    """The comparisons of all rows in the parts of their first bits, and where the MD5s of images stand."""

    tags: ImageTags
    tag_places: FixedWidthFile = field(default_factory=lambda: FixedWidthFile(TAG_PLACES))
    comparisons: ScatteredRecords = field(default_factory=lambda: ScatteredRecords(COMPARISONS))
    digest: str = ""
    """Of what the images of all rows are known by."""

    def close(self) -> None:
        """Give memory and disk back; what the images are known by is elsewhere now."""
        self.tags = no_tags()
        self.tag_places.close()


def tags_of(
    source: PatientStore, rows: ReadRows, *, trust_tags: bool, open_bucket: OpenBucket = lambda _: None
) -> ImageTags:
    """Return what source and buckets tell of images; raise StoreAway when the source is away for long."""
    tags = ImageTags(rows.wanted_images(), trust=trust_tags)
    for place, span in sorted(rows.spans.items()):
        sought = Sought(span.begin, partial(_keys, rows, place), place, span.mentions)
        if place == SOURCE:
            find_tags(source, tags, sought)
        else:
            _ask_bucket(open_bucket, tags, sought)
    return tags


def _ask_bucket(open_bucket: OpenBucket, tags: ImageTags, sought: Sought) -> None:
    """Ask another bucket, which may be away or not to be read: its pairs tell that when they are compared."""
    try:
        if store := open_bucket(sought.place.rstrip("/")):
            find_tags(PatientStore(store, patience_seconds=0, say=log.warning), tags, sought)
    except MaskmatchError as error:
        log.warning(
            "%s tells nothing of its images, which are known when they are read: %s", sought.place, error
        )


def no_tags() -> ImageTags:
    """Return that nothing is known of images: each is known by its id."""
    return ImageTags(np.empty(0, np.uint64))


def name_rows(rows: ReadRows, tags: ImageTags, strata_attribute: str = "") -> NamedRows:
    """Name the comparison of each row by what is known of its images."""
    named, digest, behind = NamedRows(tags), hashlib.sha256(), Behind("plan-naming")

    def keep(found: "npt.NDArray[np.void]") -> None:
        digest.update(as_bytes(found["high"], found["low"]))
        named.comparisons.append(found, found["high"] // _PART)

    columns = ["pair_id", "reference_id", "probe_id", "is_mated", "quality_control", "row_id", "fingerprint"]
    if strata_attribute:
        columns.append("attributes")
    for first, block in numbered(rows.blocks.batches(columns)):
        found = _records(rows, named, first, block)
        found["stratum"] = strata(block, strata_attribute)
        behind.do(keep, found)
    behind.wait()
    named.digest = digest.hexdigest()
    return named


def _records(rows: ReadRows, named: NamedRows, first: int, block: pa.RecordBatch) -> "npt.NDArray[np.void]":
    hashes = rows.image_hashes.read(first, block.num_rows)
    places = np.empty(block.num_rows, TAG_PLACES)
    for side in _SIDES:
        places[side] = named.tags.places(hashes[side])
    named.tag_places.append(places)
    reference, probe = contents(block, places, named.tags)
    found = np.empty(block.num_rows, COMPARISONS)
    found["high"], found["low"] = comparisons(reference, probe, block.column("quality_control"))
    fingerprint = words(fixed_bytes(block.column("fingerprint")))
    found["fingerprint_high"], found["fingerprint_low"] = fingerprint
    found["pair"] = text_hashes(block.column("pair_id").to_pylist())
    found["row"] = first + np.arange(block.num_rows)
    found["is_swapped"] = pc.greater(reference, probe).to_numpy(zero_copy_only=False)
    found["is_same_image"] = pc.equal(reference, probe).to_numpy(zero_copy_only=False)
    found["brings_row_id"] = block.column("row_id").is_valid().to_numpy(zero_copy_only=False)
    return found


def contents(
    block: pa.RecordBatch, places: "npt.NDArray[np.void]", tags: ImageTags
) -> tuple[pa.Array, pa.Array]:
    """Return what the images of each row are known by."""
    reference, probe = (
        content_names(block.column(f"{side}_id"), places[side] >= 0, *tags.names(places[side]))
        for side in _SIDES
    )
    return reference, probe


def strata(block: pa.RecordBatch, attribute: str) -> "npt.NDArray[np.uint16]":
    """Return a number for each row that is the same for rows of one stratum."""
    mated = pc.fill_null(block.column("is_mated").cast(pa.uint8()), 2).to_numpy(zero_copy_only=False)
    if not attribute:
        return np.asarray(mated, np.uint16)
    values = pc.map_lookup(block.column("attributes"), pa.scalar(attribute), "first").dictionary_encode()
    numbers = [
        int.from_bytes(hashlib.sha256((text or "").encode()).digest()[:2]) // _MATED
        for text in [*values.dictionary.to_pylist(), None]
    ]
    codes = pc.fill_null(values.indices, len(numbers) - 1).to_numpy(zero_copy_only=False)
    strata = np.array(numbers, np.uint16)[codes] * _MATED + mated
    return np.asarray(strata, np.uint16)


def _keys(rows: ReadRows, place: str) -> Iterator[tuple[list[str], Words]]:
    """Yield the images in one place with their hashes, a block after the other."""
    for first, block in numbered(rows.blocks.batches(["reference_id", "probe_id"])):
        hashes = rows.image_hashes.read(first, block.num_rows)
        for side in _SIDES:
            is_there = in_place(block.column(f"{side}_id"), place)
            keys = block.column(f"{side}_id").filter(is_there).to_pylist()
            yield keys, hashes[side][is_there.to_numpy(zero_copy_only=False)]
