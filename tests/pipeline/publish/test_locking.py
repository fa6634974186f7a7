"""The lock of tables while the permit store is away: whoever publishes waits, and a person hears of it."""

from dataclasses import replace

import pytest

from maskmatch.core.errors import Unavailable
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.pipeline.publish import publish, publish_again
from maskmatch.pipeline.publish.locking import lock_in
from tests.fakes import FakeClock, waits_that_tell
from tests.permits.documents import MemoryDocument
from tests.pipeline.publish.made import OPTIONS, Careless, night


class AwayDocument(MemoryDocument):
    """A permit store that is away until a time of its clock."""

    def __init__(self, clock, *, back_at=0.0):
        super().__init__()
        self.clock, self.back_at = clock, back_at

    def change(self, step, *, record=None):
        if self.clock.now() < self.back_at:
            raise Unavailable("the permit store is away")
        return super().change(step, record=record)


@pytest.fixture
def clock():
    return FakeClock(0.0)


@pytest.fixture
def told():
    return []


def locked(document, told, clock):
    waits = waits_that_tell(told, now=clock.now)
    return lock_in(lambda: PermitCoordinator(document, calls_per_second=1.0), waits=waits, clock=clock)


@pytest.mark.parametrize(("seconds", "alerts"), [(60, 0), (500, 1)])
def test_a_permit_store_that_is_away_is_waited_for_and_told_when_that_takes_long(
    clock, told, caplog, seconds, alerts
):
    with locked(AwayDocument(clock, back_at=seconds), told, clock)("x"):
        assert seconds <= clock.now() < seconds + 10
    assert [alert.cause for alert in told] == ["the permit store"] * alerts
    assert "waiting for the permit store, at most 600 s" in caplog.text
    assert "the permit store is back after" in caplog.text


def test_after_ten_minutes_the_task_fails_and_airflow_tries_anew(clock, told):
    with pytest.raises(Unavailable), locked(AwayDocument(clock, back_at=5000), told, clock)("x"):
        pytest.fail("it has no lock")
    assert 600 < clock.now() < 610


def test_a_lock_is_given_back_once_the_store_is_there_again(clock, told):
    document = AwayDocument(clock)
    with locked(document, told, clock)("x"):
        document.back_at = 100
    assert clock.now() >= 100
    assert PermitCoordinator(document, calls_per_second=1.0).lock("x", "another", seconds=1.0)


def test_what_was_written_stays_though_the_lock_cannot_be_given_back(clock, told, caplog):
    document = AwayDocument(clock)
    with locked(document, told, clock)("x"):
        document.back_at = 5000
    assert "the lock of x stays, for 900 s at most: the permit store is away" in caplog.text


def test_a_date_is_published_and_republished_though_the_permit_store_was_away_meanwhile(
    tmp_path, clock, told
):
    run, plan = night(tmp_path, 3)
    run = replace(run, warehouse=Careless(run.warehouse))
    document = AwayDocument(clock, back_at=300)
    options = replace(OPTIONS, lock=locked(document, told, clock))
    first = publish(run, plan, options)
    document.back_at = clock.now() + 300
    second = publish_again(run, "", replace(options, nominal_fmr=1e-3, lock=locked(document, told, clock)))
    assert first["publication"] != second["publication"]
    assert [alert.cause for alert in told] == ["the permit store"] * 2
