import threading

import pytest

from maskmatch.core.errors import LeaseHeld, Unavailable
from maskmatch.permits.client.presence import Presence
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import Claim, Priority
from tests.permits.documents import MemoryDocument

DATE = "w/ds=2026-01-02/"


class Books:
    """Those of a coordinator, and when they were last written."""

    def __init__(self, coordinator):
        self._coordinator = coordinator
        self.shown = threading.Semaphore(0)
        self.is_away = False

    def renew(self, claim):
        self.shown.release()
        if self.is_away:
            raise Unavailable("the store is away")
        self._coordinator.renew(claim)

    def release(self, shard, epoch):
        if self.is_away:
            raise Unavailable("the store is away")
        self._coordinator.release(shard, epoch)


@pytest.fixture
def store():
    return MemoryDocument()


@pytest.fixture
def coordinator(store):
    return PermitCoordinator(store, calls_per_second=10)


def claim_of(coordinator):
    epoch = coordinator.take_lease(f"{DATE}0", holder="first", among=DATE)
    return Claim(run_id="first", priority=Priority.NIGHTLY, holder="first", leases={f"{DATE}0": epoch})


def test_a_run_that_takes_no_permit_shows_that_it_is_there_and_gives_its_leases_up(coordinator, store):
    claim, books = claim_of(coordinator), Books(coordinator)
    with Presence(books, lambda: claim, every_seconds=0.01):
        store.pass_time(300)  # while no permit was taken
        for _ in range(2):
            assert books.shown.acquire(timeout=30)
        with pytest.raises(LeaseHeld):
            coordinator.take_lease(f"{DATE}1", holder="second", among=DATE)
    assert coordinator.take_lease(f"{DATE}1", holder="second", among=DATE) == 1


def test_a_permit_store_that_is_away_ends_nothing(coordinator, store):
    claim, books = claim_of(coordinator), Books(coordinator)
    books.is_away = True
    with Presence(books, lambda: claim, every_seconds=0.01):
        for _ in range(3):
            assert books.shown.acquire(timeout=30)
    store.pass_time(60)
    assert coordinator.take_lease(f"{DATE}1", holder="second", among=DATE) == 1
