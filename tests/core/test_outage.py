import pytest

from maskmatch.core.outage import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Outage
from tests.fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def outage(clock, said):
    return Outage(now=clock.now, say=said.append, patience_seconds=100)


def test_a_store_that_is_there_is_no_outage(outage, said):
    outage.note_success("back")
    assert (outage.seconds, outage.has_lasted_too_long, said) == (0, False, [])


def test_it_is_said_at_once_then_once_a_minute_and_once_at_its_end(outage, clock, said):
    for _ in range(100):
        outage.note_failure("away")
        clock.sleep(1)
    outage.note_success("back")
    assert said == ["away", "away", "back after 100.0 s"]


def test_pauses_grow_to_a_bound_and_begin_anew_after_the_outage(outage):
    pauses = [outage.note_failure("away") for _ in range(20)]
    assert all(pause <= LONGEST_PAUSE_SECONDS for pause in pauses)
    assert pauses[-1] >= LONGEST_PAUSE_SECONDS / 2
    outage.note_success("back")
    assert outage.note_failure("away") <= 2 * FIRST_PAUSE_SECONDS


def test_patience_counts_from_the_first_failed_try(outage, clock):
    outage.note_failure("away")
    clock.sleep(100)
    assert not outage.has_lasted_too_long
    clock.sleep(1)
    assert outage.has_lasted_too_long
    outage.note_success("back")
    assert not outage.has_lasted_too_long
