"""Three hundred schedules of answers, faults, stops, outages and lost permits."""

import pytest

from tests.engine.planted import PLANTED, found
from tests.engine.simulation import play

IN_A_TEST = 25


@pytest.mark.parametrize("first", range(0, 300, IN_A_TEST))
def test_no_schedule_breaks_an_invariant(first):
    assert {seed: broken for seed in range(first, first + IN_A_TEST) if (broken := play(seed))} == {}


@pytest.mark.server  # no server, but a process each: left out of `make check`
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_breaks_one(name):
    first, last = found(name).splitlines()
    assert first.startswith("seed ")
    assert last.endswith("1 broke an invariant")
