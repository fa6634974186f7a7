"""What all tests share: a clean Airflow home, one S3 store, and the mark `server` with its guard."""

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
from tests.server_guard import ServerGuard  # noqa: E402

SERVERS = {"seaweed", "s3_store", "redis", "postgres", "nights", "start_service"}
"""Fixtures that start one; a test or module that starts one by itself has the mark in its text."""
_guard = ServerGuard()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark who uses a server; keep on one worker what shares one, and begin with what takes longest."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if not SERVERS.isdisjoint(fixtures):
            item.add_marker("server")
        item.add_marker(pytest.mark.xdist_group("nights" if "nights" in fixtures else item.path.name))
    items.sort(key=_begins)


def _begins(item: pytest.Item) -> int:
    """Rank the two Airflows first: they take minutes, and so run side by side."""
    if "nights" in getattr(item, "fixturenames", ()):
        return 0
    return 1 if item.path.name == "test_airflow.py" else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tell the guard which test runs."""
    with _guard.over(item):
        return (yield)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """Run one S3 store for all tests; each test keeps to a prefix or bucket of its own."""
    with Seaweed(tmp_path_factory.mktemp("seaweed")) as store:
        yield store
