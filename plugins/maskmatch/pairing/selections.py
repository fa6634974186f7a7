"""Which pairs a manifest gets: numbers of a space, in their order or a seeded one, block by block."""

from collections.abc import Sequence

import numpy as np

from maskmatch.pairing.permutation import keys_of, mixed, permuted
from maskmatch.pairing.spaces import Pairs, PairSpace, Subjects


class Every:
    """All pairs of a space, in the order of their numbers."""

    def __init__(self, space: PairSpace) -> None:
        self._space = space
        self.count = space.count

    def block(self, start: int, end: int) -> Pairs:
        """Return the pairs from one place up to another."""
        return self._space.pairs_of(np.arange(start, end))


class Sample:
    """So many pairs of a space, each as likely as any other, none twice, in a seeded order.

    A larger sample with the same seed begins with the smaller one.
    """

    def __init__(self, space: PairSpace, count: int, seed: str) -> None:
        self._space = space
        self._keys = keys_of(seed, "sample")
        self.count = count

    def block(self, start: int, end: int) -> Pairs:
        """Return the pairs from one place up to another."""
        return self._space.pairs_of(permuted(np.arange(start, end), self._space.count, self._keys))


class MatedOfEach:
    """The mated pairs of each subject, at most so many: a sample of them where there are more."""

    def __init__(self, subjects: Subjects, most: int, seed: str) -> None:
        self._subjects = subjects
        self._most = most
        self._keys = keys_of(seed, "mated")
        self._ends = np.cumsum(np.minimum(subjects.mated_counts, most))
        self.count = int(self._ends[-1]) if len(self._ends) else 0

    def block(self, start: int, end: int) -> Pairs:
        """Return the pairs from one place up to another."""
        places = np.arange(start, end)
        subject = np.searchsorted(self._ends, places, side="right")
        counts = self._subjects.mated_counts[subject]
        number = places - np.where(subject > 0, self._ends[subject - 1], 0)
        large = np.flatnonzero(counts > self._most)
        number[large] = permuted(number[large], counts[large], self._keys, subject[large])
        space = self._subjects.mated
        return space.pairs_of(space.before(self._subjects.begins[subject]) + number)


Selection = Every | Sample | MatedOfEach


class Turned:
    """A selection in which a seeded coin says, for each pair, which image comes first."""

    def __init__(self, selection: Selection, seed: str) -> None:
        self._selection = selection
        self._key = keys_of(seed, "coin")[0]
        self.count = selection.count

    def block(self, start: int, end: int) -> Pairs:
        """Return the pairs from one place up to another."""
        first, second = self._selection.block(start, end)
        smaller, larger = np.minimum(first, second), np.maximum(first, second)
        words = mixed(mixed(smaller.astype(np.uint64) ^ np.uint64(self._key)) ^ larger.astype(np.uint64))
        coin = (words & np.uint64(1)).astype(bool)
        return Pairs(np.where(coin, smaller, larger), np.where(coin, larger, smaller))


def blocks(selection: Selection | Turned, size: int) -> Sequence[tuple[int, int]]:
    """Return the places at which each block of a selection begins and ends."""
    return [(start, min(start + size, selection.count)) for start in range(0, selection.count, size)]
