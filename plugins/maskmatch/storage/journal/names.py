"""The names of a journal's objects, and what a listing of them says.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from maskmatch.storage.object_stores import Store

_SEGMENT = re.compile(r"(\d{4,})-(\d{6,})(?:-([0-9a-f]{6}))?\.jsonl")
_COMPACT = re.compile(r"compact-(\d{4,})-(\d{6,})-[0-9a-f]{6}\.jsonl")


class Writer(NamedTuple):
    """One opening of a journal; its segments are numbered from 1 without a gap.

    Two that opened one epoch at once differ by their random token; older journals have none.
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


def marker_key(prefix: str, epoch: int) -> str:
    """Return the key of the object that claims an epoch."""
    return f"{prefix}/{epoch:04d}-000000.jsonl"


def segment_key(prefix: str, writer: Writer, sequence: int) -> str:
    """Return the key of a segment."""
    token = f"-{writer.token}" if writer.token else ""
    return f"{prefix}/{writer.epoch:04d}-{sequence:06d}{token}.jsonl"


def compact_key(prefix: str, newest: Writer, sequence: int, token: str) -> str:
    """Return the key of a compact object; it is named by the newest segment in it."""
    return f"{prefix}/compact-{newest.epoch:04d}-{sequence:06d}-{token}.jsonl"


@dataclass(slots=True)
class Listing:
    """The objects of a journal: sequence numbers by writer, keys of compact objects, the newest epoch."""

    segments: dict[Writer, set[int]] = field(default_factory=dict)
    compacts: set[str] = field(default_factory=set)
    last_epoch: int = 0

    def add(self, key: str) -> None:
        """Take up an object; one with a foreign name is left out."""
        name = key.rpartition("/")[2]
        if found := _SEGMENT.fullmatch(name):
            epoch, sequence = int(found[1]), int(found[2])
            if sequence:
                self.segments.setdefault(Writer(epoch, found[3] or ""), set()).add(sequence)
        elif found := _COMPACT.fullmatch(name):
            epoch = int(found[1])
            self.compacts.add(key)
        else:
            return
        self.last_epoch = max(self.last_epoch, epoch)


def list_journal(store: Store, prefix: str) -> Listing:
    """Return what is there now."""
    listing = Listing()
    for found in store.list(f"{prefix}/"):
        listing.add(found.key)
    return listing


def compact_keys(store: Store, prefix: str) -> set[str]:
    """Return the keys of the compact objects alone."""
    listing = Listing()
    for found in store.list(f"{prefix}/compact-"):
        listing.add(found.key)
    return listing.compacts
