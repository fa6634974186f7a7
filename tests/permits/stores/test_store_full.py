"""Servers that have no room left: nothing is sent without a permit, the cure is named, and it goes on."""

import os
import threading
import time
from contextlib import closing, contextmanager

import psycopg2
import pytest
import redis

from devstack.postgres import Postgres, postgres_programs
from devstack.redis import Redis, redis_server
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from tests.permits.callers import call_until
from tests.permits.stores.conftest import needs
from tests.small_disks import ballast_on, fill, need_mounts, with_disk
from tests.waiting import wait_until

pytestmark = pytest.mark.server

CLAIM = Claim(run_id="r", priority=Priority.NIGHTLY)
BY_ROOT = ["unshare", "--mount"]


class PostgresOnSmallDisk(Postgres):
    """A Postgres with a disk of 32 MB for the permits; its own files lie elsewhere."""

    @property
    def disk(self):
        return self._directory / "small"

    def _command(self):
        return with_disk(super()._command(), self.disk, size="32m", alone=BY_ROOT)


@contextmanager
def postgres_on_small_disk(folder):
    """Yield the address of a database on a small disk, and the file that fills it."""
    needs(postgres_programs)
    if os.getuid():
        pytest.skip("Postgres gets a disk of its own from root alone")
    need_mounts(folder, BY_ROOT)
    with PostgresOnSmallDisk(folder / "full-postgres") as server:
        with closing(psycopg2.connect(server.uri)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"CREATE TABLESPACE small LOCATION '{_folder_on_disk(server)}'")
            cursor.execute("CREATE DATABASE permits TABLESPACE small")
        yield server.uri.replace("/postgres", "/permits"), ballast_on(server.disk, server.pid)


def _folder_on_disk(server):
    """Make a folder on the small disk that belongs to the user that Postgres runs as."""
    data = ballast_on(server.disk, server.pid).with_name("data")
    data.mkdir()
    os.chown(data, (server.directory / "data").stat().st_uid, -1)
    return server.disk / data.name


def coordinator_at(uri):
    return open_coordinator(uri, secret_id="a", calls_per_second=100.0, clock=SystemClock())


def test_a_redis_without_memory_is_waited_for_with_the_cure_and_nothing_is_sent(a_folder):
    needs(redis_server)
    said, passed, stop = [], [], threading.Event()
    with Redis(a_folder / "full-redis") as server, redis.Redis.from_url(server.uri) as client:
        coordinator = coordinator_at(server.uri)
        pacer = Pacer(coordinator, CLAIM, calls_per_second=100, clock=SystemClock(), say=said.append)
        thread = threading.Thread(target=call_until, args=(pacer, stop, passed), daemon=True)
        thread.start()
        wait_until(lambda: len(passed) >= 20, "twenty calls")
        client.config_set("maxmemory", 1)
        wait_until(lambda: said, "a word about it")
        full = time.monotonic()
        time.sleep(0.8)  # no event says that nothing is sent: half a second of booked slots, and then a look
        away = [at for at in passed if at > full + 0.5]
        client.config_set("maxmemory", 0)
        back = time.monotonic()
        wait_until(lambda: any(at > back for at in passed), "a call after there is memory", seconds=20)
        stop.set()
        thread.join()
        coordinator.close()
    assert not away
    assert "has no memory left, raise its maxmemory: " in said[0]
    assert said[1].startswith("the permit store is back after")


def test_a_postgres_without_room_says_so_to_who_orders_and_goes_on_granting(a_folder):
    with postgres_on_small_disk(a_folder) as (uri, ballast):
        coordinator = coordinator_at(uri)
        coordinator.reserve(1, CLAIM)
        fill(ballast)
        with pytest.raises(Unavailable, match="has no room left on its disk, free some: DiskFull: "):
            give_orders(coordinator, 2000)
        assert coordinator.reserve(1, CLAIM).delays  # takes the place of what it was before
        ballast.unlink()
        give_orders(coordinator, 1)
        coordinator.close()


def give_orders(coordinator, count):
    """Give so many orders, each of which is kept for good."""
    for number in range(count):
        coordinator.set_floor(Priority.BACKFILL, 0.01 + number % 2 / 100, by="a test " * 20)
