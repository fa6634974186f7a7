"""The names of a journal's objects, and what a listing of them says.

A name carries how far the shard is after its object, as its writer saw it: a listing alone tells the status.
In the order of names come the claims of epochs, then the compact objects, then the segments, newest first,
which therefore count down: the first few names are enough.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
Decision: docs/adr/0014-the-journal-says-every-call.md
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from maskmatch.core.errors import BooksError
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store

_COUNTS = r"(s\d+-f\d+-a\d+)"
_CLAIM = re.compile(r"claim-(\d{4,})\.json")
_SEGMENT = re.compile(rf"segment-(\d{{6}})-(\d{{6}})-([0-9a-f]{{6}})-{_COUNTS}\.jsonl")
_COMPACT = re.compile(rf"compact-(\d{{4,}})-(\d{{6,}})-[0-9a-f]{{6}}-{_COUNTS}\.parquet")
_EARLIER = re.compile(r"\d{4,}-\d{6,}(-.*)?\.jsonl?|compact-\d{4,}-\d{6,}-[0-9a-f]{6}\.jsonl")
_DOWN_FROM = 999_999
"""More tries, and more segments in one, than a shard can see: a segment holds a row at least."""
_FIRST_FEW = 16
"""Names asked for at a time by who wants the newest: claims are few, compact objects mostly one."""


class Writer(NamedTuple):
    """One opening of a journal; its segments are numbered from 1 without a gap.

    Two that opened one epoch at once differ by their random token.
    """

    epoch: int
    token: str

    def __str__(self) -> str:
        """Return such as 0002-a1b2c3."""
        return f"{self.epoch:04d}-{self.token}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back what `str` gave; raise ValueError."""
        epoch, _, token = text.partition("-")
        return cls(int(epoch), token)


def claim_key(prefix: str, epoch: int) -> str:
    """Return the key of the object that claims an epoch."""
    return f"{prefix}/claim-{epoch:04d}.json"


def segment_key(prefix: str, writer: Writer, sequence: int, counts: Counts | str) -> str:
    """Return the key of a segment."""
    place = f"{_DOWN_FROM - writer.epoch:06d}-{_DOWN_FROM - sequence:06d}"
    return f"{prefix}/segment-{place}-{writer.token}-{counts}.jsonl"


def compact_key(prefix: str, newest: Writer, sequence: int, token: str, counts: Counts) -> str:
    """Return the key of a compact object; it is named by the newest segment in it."""
    return f"{prefix}/compact-{newest.epoch:04d}-{sequence:06d}-{token}-{counts}.parquet"


@dataclass(slots=True)
class Listing:
    """The objects of a journal: keys of segments by writer and sequence number, keys of compact objects.

    `counts` are those of the newest object.
    """

    segments: dict[Writer, dict[int, str]] = field(default_factory=dict)
    compacts: set[str] = field(default_factory=set)
    epochs: set[int] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)
    newest: tuple[int, int, bool] = (0, 0, False)

    @property
    def last_epoch(self) -> int:
        """Return the newest epoch, 0 for none."""
        return max(self.epochs, default=0)

    def add(self, key: str) -> None:
        """Take up an object; one with a foreign name is left out. Raise BooksError for one of version 1."""
        name = key.rpartition("/")[2]
        if found := _SEGMENT.fullmatch(name):
            epoch, sequence = _DOWN_FROM - int(found[1]), _DOWN_FROM - int(found[2])
            self.segments.setdefault(Writer(epoch, found[3]), {})[sequence] = key
            self._note((epoch, sequence, False), found[4])
        elif found := _COMPACT.fullmatch(name):
            self.compacts.add(key)
            self._note((int(found[1]), int(found[2]), True), found[3])
        elif found := _CLAIM.fullmatch(name):
            self.epochs.add(int(found[1]))
        elif _EARLIER.fullmatch(name):
            raise BooksError(
                f"{key} was written by an earlier version of maskmatch: finish the date with that version, "
                "or plan it with recompare, which calls all its pairs again"
            )

    def _note(self, place: tuple[int, int, bool], counts: str) -> None:
        self.epochs.add(place[0])
        if place > self.newest:
            self.newest, self.counts = place, Counts.parse(counts)


def list_journal(store: Store, prefix: str) -> Listing:
    """Return what is there now; raise BooksError for a journal of an earlier version."""
    listing = Listing()
    for found in store.list(f"{prefix}/"):
        listing.add(found.key)
    return listing


def list_newest(store: Store, prefix: str) -> Listing:
    """Return claims, compact objects and the newest segment: what tells how far it is.

    A store that does not list in the order of names, as none does that is known to us but the directory
    buckets of S3, may give another segment, and so be behind.
    """
    listing = Listing()
    for found in store.list(f"{prefix}/", page=_FIRST_FEW):
        listing.add(found.key)
        if listing.segments:
            break
    return listing


def compact_keys(store: Store, prefix: str) -> set[str]:
    """Return the keys of the compact objects alone."""
    listing = Listing()
    for found in store.list(f"{prefix}/compact-"):
        listing.add(found.key)
    return listing.compacts
