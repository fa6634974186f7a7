"""Schedules of answers, faults, stops, outages and lost permits: 300, or a part of them in `make check`."""

import pytest
from hypothesis import settings

from tests.engine.planted import PLANTED, found
from tests.engine.simulation import play

SCHEDULES = 300 if settings().max_examples == 100 else 30
IN_A_TEST = 15


@pytest.mark.parametrize("first", range(0, SCHEDULES, IN_A_TEST))
def test_no_schedule_breaks_an_invariant(first):
    assert {seed: broken for seed in range(first, first + IN_A_TEST) if (broken := play(seed))} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PLANTED)[:3])  # all of them: python -m tests.engine.planted
def test_a_planted_bug_breaks_one(name):
    first, last = found(name).splitlines()
    assert first.startswith("seed ")
    assert last.endswith("1 broke an invariant")
