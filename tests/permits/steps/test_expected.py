from dataclasses import replace
from datetime import UTC, datetime

import pytest

from maskmatch.permits.steps.claims import Priority
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.expected import expected_rate
from maskmatch.permits.steps.snapshot import UserNow, snapshot
from maskmatch.permits.steps.state import State

NIGHTLY, AD_HOC, BACKFILL = Priority
NOW = replace(snapshot(State(), Moment(now=0.0, utc=datetime(2026, 1, 1, tzinfo=UTC)), 100.0), margin=0.1)


def user(run_id, priority, rate, *, who="host:1", is_there=True):
    return UserNow(
        who=who,
        run_id=run_id,
        priority=priority,
        calls_per_second=rate,
        seen_seconds_ago=0.0,
        is_there=is_there,
    )


@pytest.mark.parametrize(
    ("priority", "users", "left"),
    [
        (NIGHTLY, [], 90.0),
        (NIGHTLY, [("other", NIGHTLY, 90.0)], 45.0),
        (NIGHTLY, [("other", NIGHTLY, 10.0)], 80.0),
        (NIGHTLY, [("b", BACKFILL, 90.0)], 88.0),
        (NIGHTLY, [("b", BACKFILL, 1.0)], 89.0),
        (NIGHTLY, [("b", BACKFILL, 60.0), ("a", AD_HOC, 30.0)], 85.0),
        (BACKFILL, [("n", NIGHTLY, 60.0)], 30.0),
        (BACKFILL, [("n", NIGHTLY, 90.0)], 2.0),
        (BACKFILL, [("n", NIGHTLY, 50.0), ("a", AD_HOC, 40.0)], 2.0),
        (NIGHTLY, [("mine", NIGHTLY, 90.0)], 90.0),
        (AD_HOC, [("n", NIGHTLY, 90.0), ("b", BACKFILL, 2.0)], 3.0),
        (AD_HOC, [("n", NIGHTLY, 90.0), ("a", AD_HOC, 3.0), ("b", BACKFILL, 2.0)], 1.5),
        (AD_HOC, [("b", BACKFILL, 90.0)], 88.0),
    ],
)
def test_what_is_left_for_a_run_goes_by_priorities_and_floors(priority, users, left):
    now = replace(NOW, users=tuple(user(*each) for each in users))
    rate = expected_rate(now, priority, run_id="mine")
    assert (rate.alone, rate.beside) == (pytest.approx(90.0), pytest.approx(left))


@pytest.mark.parametrize(("mine", "other"), [(AD_HOC, NIGHTLY), (NIGHTLY, AD_HOC)])
def test_nothing_is_left_where_floors_say_so_and_never_less(mine, other):
    floors = {AD_HOC: 0.0} if mine is AD_HOC else {AD_HOC: 1.0}
    priorities = [replace(each, floor=floors.get(each.priority, each.floor)) for each in NOW.priorities]
    now = replace(NOW, priorities=tuple(priorities), users=(user("x", other, 120.0),))
    assert expected_rate(now, mine, run_id="mine").beside == 0.0


def test_the_processes_of_a_run_count_as_one_and_who_has_left_does_not():
    processes = [user("other", NIGHTLY, 40.0, who=f"host:{number}") for number in range(2)]
    gone = user("gone", NIGHTLY, 10.0, is_there=False)
    rate = expected_rate(replace(NOW, users=(*processes, gone)), NIGHTLY, run_id="mine")
    assert [(each.run_id, each.calls_per_second) for each in rate.users] == [("other", 80.0)]
    assert rate.beside == pytest.approx(45.0)
