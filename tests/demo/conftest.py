from pathlib import Path

import pytest
from comparemaskface.vision.faces import FaceModel

from demo.pictures import main
from tests.portraits import remembering_model


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory, model: FaceModel) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main([str(folder)], model=model) == 0
    return folder


@pytest.fixture(scope="session")
def model() -> FaceModel:
    return remembering_model()
