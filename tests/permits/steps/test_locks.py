import pytest

from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps import locks
from maskmatch.pipeline.publish.locking import lock_in
from tests.fakes import FakeClock
from tests.permits.documents import MemoryDocument


def test_a_lock_has_one_holder_until_it_is_given_back():
    found, is_mine = locks.take({}, "x", "me", utc=0.0, seconds=10.0)
    assert is_mine
    assert locks.take(found, "x", "you", utc=9.0, seconds=10.0) == (found, False)
    assert locks.take(found, "x", "me", utc=9.0, seconds=10.0)[1]
    assert locks.give_back(found, "x", "you") == found
    assert locks.take(locks.give_back(found, "x", "me"), "x", "you", utc=9.0, seconds=10.0)[1]


def test_a_lock_of_one_who_was_killed_ends_by_itself():
    found, _ = locks.take({}, "x", "me", utc=0.0, seconds=10.0)
    assert locks.take(found, "x", "you", utc=10.0, seconds=10.0)[1]
    assert locks.lasting(found, 9.0) == found
    assert locks.lasting(found, 10.0) == {}


def test_who_comes_second_waits_until_the_first_has_gone():
    document = MemoryDocument()
    first = PermitCoordinator(document, calls_per_second=1.0)
    assert first.lock("x", "somebody", seconds=900.0)
    waited = []

    class Clock(FakeClock):
        def sleep(self, seconds):
            waited.append(seconds)
            first.unlock("x", "somebody")

    with lock_in(lambda: PermitCoordinator(document, calls_per_second=1.0), waits=None, clock=Clock())("x"):
        assert waited == [1.0]
        assert not first.lock("x", "another", seconds=1.0)
    assert first.lock("x", "another", seconds=1.0)


def test_a_lock_makes_no_account_known():
    coordinator = PermitCoordinator(MemoryDocument(), calls_per_second=1.0)
    assert coordinator.lock("x", "me", seconds=1.0)
    assert not coordinator.snapshot().is_known


@pytest.mark.parametrize("name", ["y", "z"])
def test_locks_of_other_names_are_free(name):
    found, _ = locks.take({}, "x", "me", utc=0.0, seconds=10.0)
    assert locks.take(found, name, "you", utc=1.0, seconds=10.0)[1]
