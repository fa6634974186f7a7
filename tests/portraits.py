"""What the face model reads of a picture, once for all tests of a process: a portrait takes some 0.3 s."""

from functools import cache

import numpy as np
from comparemaskface.vision.faces import Face, FaceModel


class RememberingModel(FaceModel):
    """Reads each picture once: many tests look at the same portraits."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[bytes, Face | None] = {}

    def read(self, image: np.ndarray) -> Face | None:
        key = image.tobytes()
        if key not in self._read:
            self._read[key] = super().read(image)
        return self._read[key]


@cache
def remembering_model() -> FaceModel:
    """Return the one that the tests of the demo and of the face model share."""
    return RememberingModel()
