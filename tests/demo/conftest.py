from pathlib import Path

import numpy as np
import pytest
from comparemaskface.vision.faces import Face, FaceModel

from demo.pictures import main


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


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory, model: FaceModel) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main([str(folder)], model=model) == 0
    return folder


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return RememberingModel()
