"""What all tests share: a clean Airflow home, one S3 store, and the mark `server` with its guard."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Before Airflow is imported: it makes its home and reads its settings then.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="maskmatch-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from tests.server_guard import ServerGuard  # noqa: E402  the order is the point

if TYPE_CHECKING:
    from devstack.seaweed import Seaweed

SERVERS = {"seaweed", "s3_store", "redis", "postgres", "nights", "site", "start_service"}
"""Fixtures that start one; a test or module that starts one by itself has the mark in its text."""
CALLERS = ("comparemaskface/test_command.py", "comparemaskface/contract/test_tccli.py")
"""Start the local service, or call it, by a command: all their tests have the mark."""
NIGHTS, WEB = "tests/dags/", "tests/web/"
DEMO, VISION = "tests/demo/", "tests/comparemaskface/vision/"
LEFT_OUT = {f"not {mark}": f"\npytestmark = pytest.mark.{mark}\n" for mark in ("server", "real_endpoint")}
"""What a file says that one of these expressions leaves out as a whole."""
_guard = ServerGuard()


# A busy machine draws slowly, which is no fault. `make check` draws fewer examples than `make test`, and does
# not even import what is left out as a whole.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("check", settings.get_profile("test"), max_examples=15)
settings.load_profile("test")


def pytest_configure(config: pytest.Config) -> None:
    """Draw fewer examples where the tests that start a server are left out."""
    if "not server" in config.option.markexpr:
        settings.load_profile("check")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files that are marked as a whole, before they are imported."""
    marks = [text for wish, text in LEFT_OUT.items() if wish in config.option.markexpr]
    if not marks or collection_path.suffix != ".py":
        return None
    return any(text in collection_path.read_text() for text in marks) or None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: a gzip holds the second in which it was made, and workers differ."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark who uses a server by its fixtures; begin with the two Airflows, which take minutes."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.path.as_posix().endswith(CALLERS) or not SERVERS.isdisjoint(fixtures):
            item.add_marker("server")
    items.sort(key=lambda item: (NIGHTS not in item.nodeid, "test_airflow.py" not in item.nodeid))


class ByFile(LoadScopeScheduling):
    """Gives whole files to the workers, in their order, and whole folders that share what takes long."""

    def _split_scope(self, nodeid: str) -> str:
        folder = next((folder for folder in (NIGHTS, WEB, DEMO, VISION) if folder in nodeid), None)
        return folder or nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return what shares the tests out among the workers of `pytest -n 2`."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tell the guard which test runs."""
    with _guard.over(item):
        return (yield)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Seaweed]":
    """Run one S3 store for all tests; each test keeps to a prefix or bucket of its own."""
    from devstack.seaweed import Seaweed  # noqa: PLC0415  boto3 takes long to import, and few need it

    with Seaweed(tmp_path_factory.mktemp("seaweed")) as store:
        yield store
