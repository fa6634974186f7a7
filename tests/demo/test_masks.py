import cv2
import numpy as np
import pytest
from comparemaskface.vision.faces import FaceModel

from demo.masks import Cloth, draw_mask
from demo.odd import PORTRAITS

NAMES = sorted(path.name for path in PORTRAITS.glob("*.jpg"))


def unmasked_and_masked(model: FaceModel, name: str, cloth: Cloth) -> tuple[np.ndarray, ...]:
    before = cv2.imread(str(PORTRAITS / name))
    face = model.read(before)
    assert face is not None
    return before, draw_mask(before, face, cloth), face.landmarks


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_hides_the_mouth_up_to_the_nose_tip_and_leaves_the_eyes(model: FaceModel, name: str) -> None:
    before, after, landmarks = unmasked_and_masked(model, name, Cloth.GREEN)
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks
    eyes = (left_eye + right_eye) / 2

    def changed(x: float, y: float) -> bool:
        return bool((before[round(y), round(x)] != after[round(y), round(x)]).any())

    assert all(changed(*point) for point in (nose, left_mouth, right_mouth, (left_mouth + right_mouth) / 2))
    assert not any(changed(*point) for point in (left_eye, right_eye, eyes, (eyes + nose) / 2))


@pytest.mark.parametrize("cloth", Cloth)
def test_a_mask_has_the_colour_asked_for(model: FaceModel, cloth: Cloth) -> None:
    _, after, landmarks = unmasked_and_masked(model, "ardern-1.jpg", cloth)
    x, y = landmarks[3:].mean(axis=0).astype(int)

    brightness = after[y - 8 : y + 8, x - 8 : x + 8].mean(axis=(0, 1)) / cloth.value

    assert brightness == pytest.approx(brightness.mean(), rel=0.05)
    assert 0.7 < brightness.mean() < 1.1


def test_what_lies_far_from_the_face_is_left_as_it_was(model: FaceModel) -> None:
    before, after, _ = unmasked_and_masked(model, "obama-4.jpg", Cloth.BLUE)

    assert (before[:250] == after[:250]).all()
    assert (before[750:] == after[750:]).all()
    assert (before[:, :500] == after[:, :500]).all()


def test_the_portrait_given_is_not_drawn_on(model: FaceModel) -> None:
    before, after, _ = unmasked_and_masked(model, "macron-1.jpg", Cloth.BLACK)

    assert (before == cv2.imread(str(PORTRAITS / "macron-1.jpg"))).all()
    assert (before != after).any()
