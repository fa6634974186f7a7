import os
import tempfile
from collections.abc import Iterator

import pytest

# Before Airflow is imported: it makes its home and reads its settings then.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="maskmatch-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from devstack.seaweed import Seaweed  # noqa: E402  the order is the point


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """Run one S3 store for all tests; each test keeps to a prefix or bucket of its own."""
    with Seaweed(tmp_path_factory.mktemp("seaweed")) as store:
        yield store
