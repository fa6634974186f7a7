"""The permit store grants no more than the hour allows, whoever asks."""

from datetime import UTC, datetime, timedelta

import pytest

from maskmatch.core.errors import OutsideHours
from maskmatch.core.rate_by_hour import RateByHour, parse_hours
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.document import Moment
from tests.fakes import A_CLAIM

EIGHT = datetime(2026, 1, 2, 8, tzinfo=UTC)


class Document:
    """A document in memory, under a clock that a test moves."""

    def __init__(self, begin):
        self.data = None
        self.begin = begin
        self.seconds = 0.0

    def moment(self):
        return Moment(1000 + self.seconds, self.begin + timedelta(seconds=self.seconds))

    def change(self, step, *, record=None):
        self.data, result = step(self.data, self.moment())
        return result

    def look(self, view):
        return view(self.data, self.moment())

    def now(self):
        return 1000 + self.seconds


def granted(begin, rules, *, seconds, calls_per_second=50):
    """Return at which seconds the calls of one who always wants more are due."""
    document = Document(begin)
    hours = RateByHour(parse_hours(rules))
    coordinator = PermitCoordinator(
        document, calls_per_second=calls_per_second, rate_by_hour=hours, who="a:1"
    )
    slots = []
    while document.seconds < seconds:
        try:
            slots += [document.seconds + delay for delay in coordinator.reserve(5, A_CLAIM).delays]
        except OutsideHours as closed:
            return slots, closed
        document.seconds += 0.02
    return slots, None


@pytest.mark.parametrize(
    ("begin", "most"), [(EIGHT - timedelta(minutes=5), 50), (EIGHT, 30), (EIGHT + timedelta(hours=14), 50)]
)
def test_the_rate_is_that_of_the_hour(begin, most):
    slots, _ = granted(begin, "30 from 08:00 to 22:00", seconds=10)
    each_second = [sum(second <= slot < second + 1 for slot in slots) for second in range(1, 10)]
    assert max(each_second) <= most
    assert min(each_second) >= 0.95 * most - 1


def test_a_lower_rate_begins_with_its_hour_for_those_who_are_there():
    slots, _ = granted(EIGHT - timedelta(seconds=5), "30 from 08:00 to 22:00", seconds=10)
    assert sum(5 <= slot < 6 for slot in slots) <= 31
    assert sum(1 <= slot < 2 for slot in slots) > 45


def test_a_hard_end_ends_all_and_no_slot_lies_behind_it():
    slots, closed = granted(EIGHT - timedelta(seconds=5), "0 from 08:00 to 22:00", seconds=10)
    assert closed.until == EIGHT + timedelta(hours=14)
    assert 3.9 < max(slots) < 5
