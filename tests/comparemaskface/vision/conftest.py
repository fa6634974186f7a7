"""The face model, which reads each picture anew, and what one that remembers reads of the portraits."""

import cv2
import numpy as np
import pytest
from comparemaskface.vision.faces import Face, FaceModel

from demo.odd import PORTRAITS
from tests.portraits import remembering_model


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return FaceModel()


@pytest.fixture(scope="session")
def faces() -> dict[str, Face]:
    """Return the face of each portrait by the portrait's name."""
    read = {path.stem: remembering_model().read(picture(path.stem)) for path in PORTRAITS.glob("*.jpg")}
    return {name: face for name, face in read.items() if face is not None}


def picture(name: str) -> np.ndarray:
    return cv2.imread(str(PORTRAITS / f"{name}.jpg"))
