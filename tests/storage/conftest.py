from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from devstack.seaweed import Seaweed
from maskmatch.storage.object_stores import FileStore, S3Store, Store
from tests.s3 import client_of


@pytest.fixture
def s3_store(seaweed: Seaweed) -> Iterator[S3Store]:
    client = client_of(seaweed)
    yield S3Store(client, bucket="maskmatch", prefix=f"tests/{uuid4().hex}")
    client.close()


@pytest.fixture(params=[pytest.param("s3", marks=pytest.mark.server), "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an empty store of each kind."""
    return request.getfixturevalue("s3_store") if request.param == "s3" else FileStore(tmp_path / "store")
