"""Error rates of the score scale on labelled faces.

A rate is the mean over people, so that more pictures of a person do not count more: the true match rate over
the people with two pictures or more, the false match rate over all pairs of people.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from comparemaskface.vision.score_scale import COSINES, SCORES

FEWEST_FOR_A_FIT = 3
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Rate:
    """The share of pairs that reach a score, as the mean over its units: people, or pairs of people."""

    share: float
    matches: int
    pairs: int
    units: int

    @property
    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval, each unit one observation.

        Pairs of people that have a person in common count as independent, which they are not quite.
        """
        n, p = self.units, self.share
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, round(centre - reach, 12)), min(1.0, round(centre + reach, 12))


@dataclass(frozen=True, eq=False)
class Comparisons:
    """The cosines of all pairs of faces: an array for each person, an array for each pair of people."""

    mated: Sequence[np.ndarray]
    non_mated: Sequence[np.ndarray]

    def true_match_rate(self, threshold: float) -> Rate | None:
        """Return how often one person reaches a score; None when nobody has two pictures."""
        return _rate(self.mated, threshold)

    def false_match_rate(self, threshold: float) -> Rate | None:
        """Return how often two people reach a score; None when there is one person."""
        return _rate(self.non_mated, threshold)

    def impostors(self) -> NormalDist | None:
        """Fit a normal to the cosines of different people; None when they are too few, or all alike."""
        if len(self.non_mated) < FEWEST_FOR_A_FIT:
            return None
        mean = float(np.mean([group.mean() for group in self.non_mated]))
        variance = float(np.mean([((group - mean) ** 2).mean() for group in self.non_mated]))
        return NormalDist(mean, math.sqrt(variance)) if variance else None


def compare_all(faces: Iterable[tuple[str, np.ndarray]]) -> Comparisons:
    """Compare every face, given as person and embedding, with every other."""
    by_person: dict[str, list[np.ndarray]] = defaultdict(list)
    for person, embedding in faces:
        by_person[person].append(embedding)
    people = [np.stack(embeddings) for embeddings in by_person.values()]
    return Comparisons(
        mated=[_among(person) for person in people if len(person) > 1],
        non_mated=[(one @ other.T).ravel() for one, other in combinations(people, 2)],
    )


def _among(person: np.ndarray) -> np.ndarray:
    cosines: np.ndarray = person @ person.T
    return cosines[np.triu_indices(len(person), k=1)]


def _rate(groups: Sequence[np.ndarray], threshold: float) -> Rate | None:
    if not groups:
        return None
    # To two decimals, as the service answers them.
    reached = [np.interp(group, COSINES, SCORES).round(2) >= threshold for group in groups]
    return Rate(
        share=float(np.mean([group.mean() for group in reached])),
        matches=sum(int(group.sum()) for group in reached),
        pairs=sum(group.size for group in reached),
        units=len(reached),
    )
