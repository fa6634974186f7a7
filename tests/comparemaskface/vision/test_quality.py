import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.quality import (
    EYE_COLUMNS,
    EYE_ROWS,
    REQUIREMENTS,
    Quality,
    QualityRequirement,
    measure_quality,
)

from demo.odd import PORTRAITS

GOOD = Quality(sharpness=-0.5, luminance=130.0, clipped=0.0, dark=0.0, vector_length=13.0, eye_distance=100.0)


def measure(chip: np.ndarray) -> Quality:
    return measure_quality(chip, vector_length=13.0, eye_distance=100.0)


def just_enough(requirement: QualityRequirement) -> Quality:
    return Quality(
        sharpness=requirement.sharpness,
        luminance=requirement.luminance[0],
        clipped=requirement.clipped,
        dark=requirement.dark,
        vector_length=requirement.vector_length,
        eye_distance=requirement.eye_distance,
    )


def test_a_good_face_has_the_highest_level() -> None:
    assert GOOD.level == 4


def test_a_good_face_has_no_shortcomings() -> None:
    assert GOOD.shortcomings == ()


@pytest.mark.parametrize(
    ("poor", "words"),
    [
        ({"sharpness": -1.7}, ("blurred",)),
        ({"luminance": 40.0}, ("too dark",)),
        ({"dark": 0.4}, ("too dark",)),
        ({"luminance": 220.0}, ("too bright",)),
        ({"vector_length": 9.0}, ("partly hidden or turned away",)),
        ({"sharpness": -1.7, "eye_distance": 20.0}, ("blurred", "too small")),
    ],
)
def test_what_keeps_a_face_from_the_next_level_is_said_in_words(
    poor: dict[str, float], words: tuple[str, ...]
) -> None:
    quality = replace(GOOD, **poor)
    assert quality.level == 2
    assert quality.shortcomings == words


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_what_a_level_asks_for_is_just_enough_for_it(level: int) -> None:
    assert just_enough(REQUIREMENTS[level - 1]).level == level


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("measure", "direction"),
    [
        ("sharpness", -1),
        ("luminance", -1),
        ("clipped", 1),
        ("dark", 1),
        ("vector_length", -1),
        ("eye_distance", -1),
    ],
)
def test_a_little_less_in_one_measure_costs_one_level(level: int, measure: str, direction: int) -> None:
    enough = just_enough(REQUIREMENTS[level - 1])
    worse = replace(enough, **{measure: getattr(enough, measure) + direction * 0.001})

    assert worse.level == level - 1


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_too_bright_a_face_costs_one_level(level: int) -> None:
    brightest = REQUIREMENTS[level - 1].luminance[1]

    assert replace(GOOD, luminance=brightest).level == level
    assert replace(GOOD, luminance=brightest + 0.001).level == level - 1


def test_each_level_asks_for_more_than_the_one_below() -> None:
    for lower, upper in pairwise(REQUIREMENTS):
        assert lower.sharpness < upper.sharpness
        assert lower.luminance[0] < upper.luminance[0] < upper.luminance[1] < lower.luminance[1]
        assert lower.clipped > upper.clipped
        assert lower.dark > upper.dark
        assert lower.vector_length < upper.vector_length
        assert lower.eye_distance < upper.eye_distance


def test_only_the_strip_around_the_eyes_is_measured() -> None:
    chip = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    elsewhere = np.zeros_like(chip)
    elsewhere[EYE_ROWS, EYE_COLUMNS] = chip[EYE_ROWS, EYE_COLUMNS]

    assert measure(elsewhere) == measure(chip)


def test_shares_and_luminance_are_those_of_the_pixels() -> None:
    chip = np.full((112, 112, 3), 100, np.uint8)
    chip[24:35] = 255
    chip[35:46] = 10

    quality = measure(chip)

    assert quality.clipped == pytest.approx(11 / 44)
    assert quality.dark == pytest.approx(11 / 44)
    assert quality.luminance == pytest.approx((11 * 255 + 11 * 10 + 22 * 100) / 44)


def test_a_chip_of_one_colour_has_no_sharpness_and_no_level() -> None:
    quality = measure(np.full((112, 112, 3), 128, np.uint8))

    assert quality.sharpness == -math.inf
    assert quality.level == 0


def test_sharpness_falls_with_blur_and_not_with_exposure() -> None:
    chip = cv2.resize(cv2.imread(str(PORTRAITS / "ardern-1.jpg")), (112, 112), interpolation=cv2.INTER_AREA)
    sharp = measure(chip).sharpness

    assert measure(cv2.GaussianBlur(chip, (0, 0), 2)).sharpness < sharp - 0.5
    assert measure((chip * 0.6).astype(np.uint8)).sharpness == pytest.approx(sharp, abs=0.05)


def test_portraits_pass_the_highest_level_unless_the_eyes_lie_in_shadow(faces: dict[str, Face]) -> None:
    levels = {name: face.quality.level for name, face in faces.items()}
    assert len(levels) == len(list(PORTRAITS.glob("*.jpg")))
    assert levels.pop("sunak-1") == 3
    assert set(levels.values()) == {4}


@pytest.mark.parametrize(
    ("spoil", "highest"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 10), 2),
        (lambda image: (255 * (image / 255.0) ** 5).astype(np.uint8), 2),
        (lambda image: np.clip(image * 4.0, 0, 255).astype(np.uint8), 1),
        (lambda image: cv2.resize(image, None, fx=0.08, fy=0.08, interpolation=cv2.INTER_AREA), 0),
    ],
    ids=["blurred", "dark", "overexposed", "tiny"],
)
def test_a_spoilt_portrait_loses_levels(
    model: FaceModel, spoil: Callable[[np.ndarray], np.ndarray], highest: int
) -> None:
    face = model.read(spoil(cv2.imread(str(PORTRAITS / "ardern-2.jpg"))))

    assert face is not None
    assert face.quality.level <= highest
