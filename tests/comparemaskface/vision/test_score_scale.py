from itertools import pairwise

import numpy as np
import pytest
from comparemaskface.vision.faces import Face
from comparemaskface.vision.quality import Quality
from comparemaskface.vision.score_scale import scale, score
from hypothesis import given
from hypothesis import strategies as st

COSINES = st.floats(-1, 1)
QUALITY = Quality(sharpness=0, luminance=0, clipped=0, dark=0, vector_length=0, eye_distance=0)


def face_at(cosine: float) -> Face:
    """Return a face whose likeness to face_at(1) is the cosine."""
    embedding = np.zeros(128, np.float32)
    embedding[:2] = cosine, np.sqrt(1 - cosine**2)
    return Face(box=(0, 0, 1, 1), landmarks=np.zeros((5, 2)), embedding=embedding, quality=QUALITY)


@pytest.mark.parametrize(
    ("cosine", "points"),
    [(0.39, 40), (0.45, 50), (0.50, 60), (-0.30, 0), (0.90, 100), (0.105, 13.29), (0.42, 45), (0.70, 80)],
)
def test_the_scale_passes_through_its_knots_in_straight_lines(cosine: float, points: float) -> None:
    assert scale(cosine) == pytest.approx(points)


def test_the_knots_lie_where_the_false_match_rates_of_the_fit_are() -> None:
    mean, deviation = 0.105, 0.094
    for points, deviations in ((40, 3.090), (50, 3.719), (60, 4.265)):  # normal tails 1e-3, 1e-4, 1e-5
        assert scale(mean + deviations * deviation) == pytest.approx(points, abs=1.5)


def test_likeness_beyond_the_ends_is_clipped() -> None:
    assert scale(-1) == 0
    assert scale(1) == 100


@given(st.lists(COSINES, min_size=2).map(sorted))
def test_more_alike_never_scores_less(cosines: list[float]) -> None:
    points = [scale(cosine) for cosine in cosines]

    assert all(lower <= upper for lower, upper in pairwise(points))
    assert all(0 <= value <= 100 and value == round(value, 2) for value in points)


@given(COSINES)
def test_the_order_of_the_faces_does_not_matter(cosine: float) -> None:
    assert score(face_at(1), face_at(cosine)) == score(face_at(cosine), face_at(1))


def test_a_score_is_the_scaled_cosine_of_the_embeddings() -> None:
    assert score(face_at(1), face_at(0.45)) == pytest.approx(50)
    assert score(face_at(1), face_at(1)) == 100
