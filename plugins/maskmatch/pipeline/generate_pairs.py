"""Make a manifest of pairs from lists of images: check them, tell what it will be, write it block by block.

Decision: docs/adr/0024-pairs-are-numbers.md
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.pairing import PairingOptions, Way, forecast
from maskmatch.pairing.permutation import Numbers
from maskmatch.pairing.selections import Every, MatedOfEach, Sample, Selection, Turned, blocks
from maskmatch.pairing.spaces import Pairs, PairSpace, Subjects, all_of_one, all_of_two
from maskmatch.storage.image_lists import ImageList
from maskmatch.storage.object_stores import Store
from maskmatch.storage.pair_manifests import BLOCK_ROWS, Mating, PairManifest

Part = Selection | Turned


class Kinds(NamedTuple):
    """How many pairs are mated, how many are not, and of how many that is not known."""

    mated: int
    non_mated: int
    unknown: int

    def __str__(self) -> str:
        return f"{self.mated:,} mated, {self.non_mated:,} non-mated, {self.unknown:,} of unknown subjects"


@dataclass(frozen=True, slots=True)
class Pairing:
    """What will be written: selections one behind the other, and where their images are."""

    references: ImageList
    probes: ImageList
    parts: Sequence[Part]
    options: PairingOptions
    notes: Sequence[str] = ()

    @property
    def count(self) -> int:
        """Return the number of pairs."""
        return sum(part.count for part in self.parts)

    def blocks(self, rows: int) -> Iterator[Pairs]:
        """Yield the pairs, so many at a time."""
        for part in self.parts:
            for start, end in blocks(part, rows):
                yield part.block(start, end)

    def lines(self) -> Iterator[str]:
        """Yield what a person must know before it is written."""
        yield from self.notes
        yield f"{self.count:,} pairs, {self.options.way}: {forecast(self.count)}"

    def kinds(self) -> Kinds:
        """Count the mated pairs and the others; it takes a second for some fifty million."""
        mating = Mating(self.references, self.probes)
        mated = non_mated = 0
        for pairs in self.blocks(BLOCK_ROWS):
            found = mating.is_mated(*pairs)
            mated += found.true_count
            non_mated += found.false_count
        return Kinds(mated, non_mated, self.count - mated - non_mated)

    def to_record(self, kinds: Kinds) -> dict[str, Any]:
        """Return what the manifest says of itself: the same for the same lists and options."""
        options = self.options
        record: dict[str, Any] = {
            "way": options.way.value,
            "seed": options.seed,
            "pairs": self.count,
            **kinds._asdict(),
            "images": len(self.references),
            "list_sha256": self.references.digest(),
            "left_out_rows": len(self.references.bad_rows),
            "limit": options.limit,
        }
        if options.way is Way.AGAINST:
            others = {"other_images": len(self.probes), "other_list_sha256": self.probes.digest()}
            others["other_left_out_rows"] = len(self.probes.bad_rows)
            record |= {**others, "without_equal": options.without_equal}
        if options.way is Way.SUBJECTS:
            wanted = str(options.non_mated)
            record |= {"mated_per_subject": options.mated_per_subject, "non_mated_wanted": wanted}
        return record


def pair_up(images: ImageList, others: ImageList | None, options: PairingOptions) -> Pairing:
    """Return which pairs of one list, or of two, are wanted; raise InputError where there are too few."""
    if others is not None:
        return _against(images, others, options)
    if options.way is Way.SUBJECTS:
        return _by_subject(images, options)
    space = all_of_one(len(images))
    notes = _sampled(space, options)
    part = Turned(_limited(space, options), options.seed) if notes else Every(space)
    return Pairing(images, images, [part], options, notes)


def _against(images: ImageList, others: ImageList, options: PairingOptions) -> Pairing:
    equal = _places_of(images.ids, others.ids)
    count = int((equal >= 0).sum())
    space = all_of_two(len(images), len(others), equal if options.without_equal else None)
    notes = [*_sampled(space, options)]
    if count and not options.without_equal:
        notes.append(f"{count:,} images are in both lists, and paired with themselves, too (--without-equal)")
    return Pairing(images, others, [_limited(space, options)], options, notes)


def _by_subject(images: ImageList, options: PairingOptions) -> Pairing:
    codes = images.subjects.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    subjects = Subjects(codes.astype(np.int64))
    most = options.mated_per_subject
    mated: Selection = Every(subjects.mated) if most is None else MatedOfEach(subjects, most, options.seed)
    count = options.non_mated.of(mated=mated.count, non_mated=subjects.non_mated.count)
    non_mated = Sample(subjects.non_mated, count, options.seed)
    note = (
        f"{len(images):,} images of {len(subjects.begins):,} subjects: {mated.count:,} of "
        f"{subjects.mated.count:,} mated pairs, {count:,} of {subjects.non_mated.count:,} non-mated ones"
    )
    parts = [Turned(mated, options.seed), Turned(non_mated, options.seed)]
    return Pairing(images, images, parts, options, [note])


def _limited(space: PairSpace, options: PairingOptions) -> Selection:
    limit = options.limit
    return Every(space) if limit is None or limit >= space.count else Sample(space, limit, options.seed)


def _sampled(space: PairSpace, options: PairingOptions) -> Sequence[str]:
    if options.limit is None or options.limit >= space.count:
        return ()
    return [f"a sample of {options.limit:,} of {space.count:,} pairs"]


def _places_of(ids: pa.Array, others: pa.Array) -> Numbers:
    """Return where each id stands among others, -1 for one that does not."""
    found: Numbers = (
        pc.fill_null(pc.index_in(ids, others), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return found


def write_pairs(pairing: Pairing, store: Store, key: str, progress: Callable[[int, int], None]) -> Kinds:
    """Write the manifest, whole or not at all; `progress` is told the pairs written so far, and of how many.

    Raise InputError for more pairs than may be written.
    """
    pairing.options.check_count(pairing.count)
    kinds = pairing.kinds()
    manifest = PairManifest(
        pairing.references,
        pairing.probes,
        pairing.to_record(kinds),
        with_attributes=pairing.options.with_attributes,
    )
    written = 0
    with manifest.writing(store, key) as writer:
        for pairs in pairing.blocks(manifest.block_rows):
            writer.write_batch(manifest.batch(*pairs), manifest.group_rows)
            written += len(pairs.first)
            progress(written, pairing.count)
    return kinds
