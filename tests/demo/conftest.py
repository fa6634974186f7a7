from pathlib import Path

import pytest
from comparemaskface.vision.faces import FaceModel

from demo.pictures import main


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return FaceModel()
