"""Servers that have no room left: nothing is sent without a permit, the cure is named, and it goes on."""

import os
import shutil
import subprocess
import threading
import time
from contextlib import closing, suppress

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
from tests.small_disks import disk_of_root, fill
from tests.waiting import wait_until

pytestmark = pytest.mark.server

CLAIM = Claim(run_id="r", priority=Priority.NIGHTLY)


class PostgresWithin(Postgres):
    """A Postgres that sees the disks that `within` says."""

    def __init__(self, folder, within):
        super().__init__(folder)
        self.within = within

    def _command(self):
        return [*self.within, *super()._command()]

    def move_log_to(self, disk, seen):
        """Keep what Postgres logs on a disk, which lies elsewhere for us."""
        log = self._data / "pg_wal"
        subprocess.run(["cp", "-a", log, seen], check=True)
        shutil.rmtree(log)
        log.symlink_to(disk / log.name)


def make_database_on(server, disk, seen):
    """Make the database of permits on a disk, in a folder of the user that Postgres runs as."""
    (seen / "data").mkdir()
    os.chown(seen / "data", (server.directory / "data").stat().st_uid, -1)
    with closing(psycopg2.connect(server.uri)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLESPACE small LOCATION '{disk}/data'")
        cursor.execute("CREATE DATABASE permits TABLESPACE small")
    return server.uri.replace("/postgres", "/permits")


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
    needs(postgres_programs)
    disk = a_folder / "small"
    with (
        disk_of_root(disk, size="32m") as (within, seen),
        PostgresWithin(a_folder / "full-postgres", within) as server,
    ):
        coordinator = coordinator_at(make_database_on(server, disk, seen))
        coordinator.reserve(1, CLAIM)
        fill(seen / "ballast")
        with pytest.raises(Unavailable, match="has no room left on its disk, free some: DiskFull: "):
            give_orders(coordinator, 2000)
        assert coordinator.reserve(1, CLAIM).delays  # takes the place of what it was before
        (seen / "ballast").unlink()
        give_orders(coordinator, 1)
        coordinator.close()


def give_orders(coordinator, count):
    """Give so many orders, each of which is kept for good."""
    for number in range(count):
        coordinator.set_floor(Priority.BACKFILL, 0.01 + number % 2 / 100, by="a test " * 20)


def test_a_postgres_that_has_no_room_for_its_log_ends_and_forgets_nothing_once_it_is_started(a_folder):
    needs(postgres_programs)
    disk, folder = a_folder / "log", a_folder / "ended-postgres"
    with Postgres(folder):
        pass  # so that there is a log to be moved
    with disk_of_root(disk, size="40m") as (within, seen):
        server = PostgresWithin(folder, within)
        server.move_log_to(disk, seen)
        with server:
            coordinator = coordinator_at(server.uri)
            epoch = coordinator.take_lease("s")
            fill(seen / "ballast")
            with suppress(psycopg2.OperationalError):
                write_until_the_log_is_full(server)
            wait_until(lambda: server.has_ended, "its end", seconds=60)
            with pytest.raises(Unavailable, match="is away"):
                coordinator.reserve(1, CLAIM)
            (seen / "ballast").unlink()
            server.start()
            assert coordinator.take_lease("s") == epoch + 1
            assert coordinator.reserve(1, CLAIM).delays
            coordinator.close()


def write_until_the_log_is_full(server):
    with closing(psycopg2.connect(server.uri)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE filler (x text)")
        while True:
            cursor.execute("INSERT INTO filler SELECT repeat('x', 900) FROM generate_series(1, 20000)")
