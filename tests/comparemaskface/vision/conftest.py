"""The face model, and what it reads of the portraits, once for all tests: a portrait takes some 0.3 s."""

import cv2
import numpy as np
import pytest
from comparemaskface.vision.faces import Face, FaceModel

from demo.odd import PORTRAITS


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return FaceModel()


@pytest.fixture(scope="session")
def faces(model: FaceModel) -> dict[str, Face]:
    """Return the face of each portrait by the portrait's name."""
    read = {path.stem: model.read(picture(path.stem)) for path in PORTRAITS.glob("*.jpg")}
    return {name: face for name, face in read.items() if face is not None}


def picture(name: str) -> np.ndarray:
    return cv2.imread(str(PORTRAITS / f"{name}.jpg"))
