import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres import Postgres, postgres_programs
from devstack.redis import Redis, redis_server
from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator


@pytest.fixture(scope="session")
def a_folder() -> Iterator[Path]:
    """A folder that every user can reach: Postgres does not run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def redis(a_folder):
    needs(redis_server)
    with Redis(a_folder / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def postgres(a_folder):
    needs(postgres_programs)
    with Postgres(a_folder / "postgres") as server:
        yield server


def needs(find):
    try:
        find()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture(
    params=["sqlite", *(pytest.param(name, marks=pytest.mark.server) for name in ("redis", "postgres"))]
)
def address(request, tmp_path):
    """The address of a store, each in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/permits.sqlite3"
    return request.getfixturevalue(request.param).uri


@pytest.fixture
def open_(address, request):
    """Open coordinators of an account of this test's own at the store; they are closed afterwards."""
    opened = []

    def one(**changes):
        options = {
            "secret_id": request.node.nodeid,
            "calls_per_second": 50.0,
            "clock": SystemClock(),
        } | changes
        opened.append(
            open_coordinator(changes.pop("at", address), **{k: v for k, v in options.items() if k != "at"})
        )
        return opened[-1]

    yield one
    for coordinator in opened:
        coordinator.close()
