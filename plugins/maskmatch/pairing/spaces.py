"""All pairs of a kind, numbered from 0 without a gap, so that a pair can be found by its number alone."""

from typing import NamedTuple

import numpy as np

from maskmatch.pairing.permutation import Numbers


class Pairs(NamedTuple):
    """Two images of each pair: their places in the list, or in the first and the second one."""

    first: Numbers
    second: Numbers


class PairSpace:
    """Pairs of a kind: image `i`, in some order, has as partners a run of images that begins at `starts[i]`.

    `skipped[i]` is a partner in that run that is left out, -1 where none is. `order` says which image of the
    list is the i-th; None for that of the list.
    """

    def __init__(
        self,
        starts: Numbers,
        counts: Numbers,
        *,
        order: Numbers | None = None,
        skipped: Numbers | None = None,
    ) -> None:
        self._starts = starts
        self._ends = np.cumsum(counts)
        self._order = order
        self._skipped = skipped
        self.count = int(self._ends[-1]) if len(counts) else 0

    def before(self, image: Numbers) -> Numbers:
        """Return how many pairs have a smaller number than the first of the i-th image."""
        return np.where(image > 0, self._ends[image - 1], 0)

    def pairs_of(self, numbers: Numbers) -> Pairs:
        """Return the pairs that have these numbers."""
        first = np.searchsorted(self._ends, numbers, side="right")
        second = self._starts[first] + numbers - self.before(first)
        if self._skipped is not None:
            skipped = self._skipped[first]
            second = second + ((skipped >= 0) & (second >= skipped))
        return Pairs(first, second) if self._order is None else Pairs(self._order[first], self._order[second])


def all_of_one(images: int) -> PairSpace:
    """Return each unordered pair of images of one list, none with itself; the earlier one is the first."""
    place = np.arange(images)
    return PairSpace(place + 1, images - 1 - place)


def all_of_two(images: int, others: int, equal: Numbers | None = None) -> PairSpace:
    """Return each image of one list with each of another but its `equal`, a place there, -1 if none."""
    starts, counts = np.zeros(images, np.int64), np.full(images, others, np.int64)
    return PairSpace(starts, counts if equal is None else counts - (equal >= 0), skipped=equal)


class Subjects:
    """The images of one list by subject; each has one, given as a number from 0."""

    def __init__(self, subject_of: Numbers) -> None:
        self._order = np.argsort(subject_of, kind="stable").astype(np.int64)
        sizes = np.bincount(subject_of) if len(subject_of) else np.zeros(0, np.int64)
        ends = np.cumsum(sizes)
        self.begins: Numbers = ends - sizes
        """The place of the first image of each subject, in their order by subject."""
        self.mated_counts: Numbers = sizes * (sizes - 1) // 2
        """Mated pairs of each subject."""
        place = np.arange(len(subject_of))
        end = np.repeat(ends, sizes)
        self.mated = PairSpace(place + 1, end - place - 1, order=self._order)
        """Each pair of images of one subject."""
        self.non_mated = PairSpace(end, len(subject_of) - end, order=self._order)
        """Each pair of images of different subjects."""
