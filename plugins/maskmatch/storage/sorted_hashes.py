"""Finds hashes among millions that are sorted: the first bits of one tell nearly where it stands.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
_MOST_BITS = 24
"""Memory holds 4 bytes for each value of the first bits, of which there are no more than hashes."""


def text_hashes(texts: Collection[str]) -> Hashes:
    """Return numbers that tell texts apart in this process: Python's own, which are seeded anew in each."""
    return np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)


class SortedHashes:
    """A sorted array of hashes, each once."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        bits = max(1, min(_MOST_BITS, len(hashes).bit_length() - 1))
        self._shift = np.uint64(64 - bits)
        bounds = np.arange(1 << bits, dtype=np.uint64) << self._shift
        self._begins = np.searchsorted(hashes, bounds).astype(np.int32)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._hashes)

    def places(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Return the place of each hash, -1 where it is not there."""
        if not len(self):
            return np.full(len(hashes), -1)
        last = len(self) - 1
        places = np.minimum(self._begins[(hashes >> self._shift).astype(np.int64)].astype(np.int64), last)
        while (is_before := (self._hashes[places] < hashes) & (places < last)).any():
            places += is_before
        return np.where(self._hashes[places] == hashes, places, -1)
