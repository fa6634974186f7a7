from collections.abc import Iterator

import pytest

from maskmatch.embedded.seaweed import Seaweed


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """Run one S3 store for all tests; each test keeps to a prefix or bucket of its own."""
    with Seaweed(tmp_path_factory.mktemp("seaweed")) as store:
        yield store
