from pathlib import Path

import pytest

from demo.pictures import main
from maskmatch.server.faces import FaceModel


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return FaceModel()
