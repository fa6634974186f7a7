"""Servers that are killed, lose their data, or are far away."""

import threading
import time
from contextlib import suppress

import pytest

from devstack.netfaults import Relay
from devstack.postgres import Postgres, postgres_programs
from devstack.processes import free_ports
from devstack.redis import Redis, redis_server
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from tests.permits.callers import call_until
from tests.permits.stores.conftest import needs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

CLAIM = Claim(run_id="r", priority=Priority.NIGHTLY)


@pytest.fixture(params=[(Redis, redis_server), (Postgres, postgres_programs)], ids=["redis", "postgres"])
def start(request, a_folder, tmp_path_factory):
    """Start a server of this test's own, again and again at the same port with the same data."""
    kind, find = request.param
    needs(find)
    folder, (port,) = a_folder / request.node.name, free_ports(1)
    return lambda name="data": kind(folder / name, port=port)


def coordinator_at(uri, **changes):
    return open_coordinator(
        uri, **{"secret_id": "a", "calls_per_second": 100.0, "clock": SystemClock()} | changes
    )


def test_a_server_that_is_killed_and_comes_back_is_waited_for_and_loses_nothing(start):
    said, passed, stop = [], [], threading.Event()
    with start() as server:
        coordinator = coordinator_at(server.uri)
        epoch = coordinator.take_lease("s")
        pacer = Pacer(coordinator, CLAIM, calls_per_second=100, clock=SystemClock(), say=said.append)
        thread = threading.Thread(target=call_until, args=(pacer, stop, passed), daemon=True)
        thread.start()
        wait_until(lambda: len(passed) >= 20, "twenty calls")
        time.sleep(1)  # by then the newest lease is on Redis' disk
        server.kill()
        killed = time.monotonic()
    time.sleep(0.8)  # no event says that nothing is sent: half a second of booked slots, and then a look
    away = [at for at in passed if at > killed + 0.5]
    with start():
        back = time.monotonic()
        wait_until(lambda: any(at > back for at in passed), "a call after the store is back", seconds=20)
        stop.set()
        thread.join()
        assert coordinator.take_lease("s") == epoch + 1
        coordinator.close()
    assert not away
    assert any(at > back for at in passed)
    assert [line.split(":")[0] for line in said] == [
        "no call is sent while the permit store is away, we keep asking",
        said[1],
    ]
    assert said[1].startswith("the permit store is back after")


def test_a_server_that_is_away_is_named_without_password(start):
    with start() as server:
        address = server.uri.replace("://", "://user:hunter2@").replace("maskmatch@", "")
    coordinator = coordinator_at(address)
    with pytest.raises(
        Unavailable, match=f"the permit store at .*127.0.0.1:{server.port}/.* is away"
    ) as caught:
        coordinator.reserve(1, CLAIM)
    error = caught.value
    while error:
        assert "hunter2" not in f"{error!r}"
        error = error.__cause__
    coordinator.close()


def test_a_server_that_lost_its_data_starts_afresh_and_is_said_to(start, caplog):
    with start() as server:
        coordinator = coordinator_at(server.uri)
        epoch = coordinator.take_lease("s")
        server.kill()
    with start("other-data"):
        with suppress(Unavailable):  # unless its client has noticed that the connection is gone
            coordinator.reserve(1, CLAIM)
        assert coordinator.take_lease("s", at_least=epoch + 1) == epoch + 1
        assert coordinator.reserve(1, CLAIM).delays
        coordinator.close()
    assert "has lost its data: budgets are counted from zero" in caplog.text


class CountedTrips:
    """A coordinator that counts how often its store is asked for permits."""

    def __init__(self, coordinator):
        self.coordinator = coordinator
        self.trips = 0

    def reserve(self, *asked, **options):
        self.trips += 1
        return self.coordinator.reserve(*asked, **options)

    def __getattr__(self, name):
        return getattr(self.coordinator, name)


def test_a_store_twenty_milliseconds_away_is_asked_for_many_permits_at_once(start):
    with start() as server, Relay(server.port, one_way_seconds=0.01) as relay:
        uri = server.uri.replace(f":{server.port}/", f":{relay.port}/")
        stop, passed, threads = threading.Event(), [], []
        stores = [CountedTrips(coordinator_at(uri, calls_per_second=200)) for _ in range(3)]
        for store in stores:
            pacer = Pacer(store, CLAIM, calls_per_second=200, clock=SystemClock())
            threads.append(threading.Thread(target=call_until, args=(pacer, stop, passed), daemon=True))
        for thread in threads:
            thread.start()
        wait_until(lambda: len(passed) >= 400, "two seconds of the rate")
        stop.set()
        for thread in threads:
            thread.join()
    assert len(passed) > 2 * sum(store.trips for store in stores)
    assert (
        len(passed) / (max(passed) - min(passed)) <= 1.02 * 200
    )  # that the rate is reached: benchmarks/quota
