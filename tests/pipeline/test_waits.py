"""Whatever keeps a run waiting is noted, by what it waits for."""

from dataclasses import replace

import pytest

from maskmatch.core.errors import StoreAway, Unavailable
from maskmatch.core.store_troubles import store_rule
from maskmatch.core.waits import Waits
from maskmatch.permits.client.pacing import Pacer
from maskmatch.storage.object_stores import PatientStore
from tests.fakes import A_CLAIM, FakeClock, FreeCoordinator, waits_that_tell
from tests.nights import night_in


class Away(FreeCoordinator):
    """A coordinator whose permit store is away for so many seconds."""

    def __init__(self, clock, *, seconds):
        super().__init__(clock)
        self.back_at = clock.now() + seconds

    def reserve(self, calls, claim, *, unbilled=0):
        if self.clock.now() < self.back_at:
            raise Unavailable("the permit store is away")
        return super().reserve(calls, claim, unbilled=unbilled)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def told():
    return []


@pytest.mark.parametrize(("seconds", "alerts"), [(60, 0), (500, 1)])
def test_a_permit_store_that_is_away_for_long_is_told_once(clock, told, seconds, alerts):
    waits = waits_that_tell(told, now=clock.now)
    pacer = Pacer(Away(clock, seconds=seconds), A_CLAIM, calls_per_second=50, clock=clock, waits=waits)
    while not pacer.book(lambda: 1):
        pass
    assert [alert.cause for alert in told] == ["the permit store"] * alerts


@pytest.mark.parametrize(("seconds", "alerts"), [(60, 0), (250, 1)])
def test_a_store_that_is_away_for_long_is_told_once(clock, told, tmp_path, seconds, alerts):
    back_at = clock.now() + seconds

    class Stop:
        def wait(self, pause):
            clock.sleep(pause)

    def read():
        if clock.now() < back_at:
            raise StoreAway("it does not answer", store_rule("unreachable"))
        return "read"

    store = PatientStore(
        night_in(tmp_path).warehouse,
        patience_seconds=300,
        say=lambda _: None,
        stop=Stop(),
        now=clock.now,
        waits=waits_that_tell(told, now=clock.now),
    )
    assert store.patiently(read) == "read"
    assert [alert.cause for alert in told] == ["the store localhost"] * alerts


def test_the_stores_of_a_run_tell_its_waits(tmp_path):
    waits = Waits(now=FakeClock().now)
    run = replace(night_in(tmp_path), waits=waits)
    for store in (run.patient_source(), run.patient_warehouse()):
        assert store._waits is waits
