from itertools import combinations

import numpy as np
import pytest
from comparemaskface.vision.error_rates import Comparisons, Rate, compare_all
from comparemaskface.vision.score_scale import scale
from hypothesis import given
from hypothesis import strategies as st


def unit_vectors(count: int, *, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(people=st.lists(st.sampled_from("abcd"), min_size=2, max_size=14), seed=st.integers(0, 99))
def test_every_pair_is_compared_once_with_the_people_it_shows(people: list[str], seed: int) -> None:
    faces = list(zip(people, unit_vectors(len(people), seed=seed), strict=True))
    pairs = list(combinations(faces, 2))
    mated = [float(a @ b) for (one, a), (other, b) in pairs if one == other]
    non_mated = [float(a @ b) for (one, a), (other, b) in pairs if one != other]
    found = compare_all(faces)
    assert sorted(np.concatenate([[], *found.mated])) == pytest.approx(sorted(mated))
    assert sorted(np.concatenate([[], *found.non_mated])) == pytest.approx(sorted(non_mated))


@given(people=st.lists(st.sampled_from("abc"), min_size=2, max_size=14), seed=st.integers(0, 99))
def test_a_pair_matches_when_the_score_the_service_answers_reaches_the_threshold(
    people: list[str], seed: int
) -> None:
    found = compare_all(zip(people, unit_vectors(len(people), seed=seed), strict=True))
    for groups, rate in (
        (found.mated, found.true_match_rate(40)),
        (found.non_mated, found.false_match_rate(40)),
    ):
        scores = [scale(float(cosine)) for group in groups for cosine in group]
        if rate is None:
            assert not scores
        else:
            assert rate.matches == sum(score >= 40 for score in scores)
            assert rate.pairs == len(scores)


def test_nobody_counts_more_for_having_more_pictures() -> None:
    often, once = np.full(99, 0.9), np.array([0.0])
    rate = Comparisons(mated=[often, once], non_mated=[]).true_match_rate(50)
    assert rate == Rate(share=0.5, matches=99, pairs=100, units=2)


def test_without_pairs_there_is_no_rate() -> None:
    alone = compare_all([("a", np.ones(4))])
    assert (alone.true_match_rate(40), alone.false_match_rate(40), alone.impostors()) == (None, None, None)


@pytest.mark.parametrize(
    ("share", "units", "low", "high"),
    [(0.8, 10, 0.4902, 0.9433), (0.0, 10, 0.0, 0.2775), (1.0, 50, 0.9287, 1.0), (0.5, 1000, 0.4691, 0.5309)],
)
def test_the_interval_is_wilsons(share: float, units: int, low: float, high: float) -> None:
    rate = Rate(share=share, matches=round(share * units), pairs=units, units=units)
    assert rate.interval == pytest.approx((low, high), abs=1e-4)


def test_the_fit_finds_mean_and_spread_of_the_cosines_of_different_people() -> None:
    cosines = np.random.default_rng(5).normal(0.105, 0.094, (20_000, 2))
    fitted = Comparisons(mated=[], non_mated=list(cosines)).impostors()
    assert fitted is not None
    assert fitted.mean == pytest.approx(0.105, abs=0.002)
    assert fitted.stdev == pytest.approx(0.094, abs=0.002)
    assert fitted.inv_cdf(1 - 1e-3) == pytest.approx(0.395, abs=0.01)


def test_too_few_pairs_of_people_are_not_fitted() -> None:
    assert Comparisons(mated=[], non_mated=[np.array([0.1]), np.array([0.2])]).impostors() is None
