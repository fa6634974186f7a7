"""Two runs of one date, each a process of its own: one after the other, and nothing is paid twice."""

import signal
from contextlib import closing

import pytest

from maskmatch.pipeline.calling import coordinator_of
from tests.account import local_account
from tests.commands import start, wait_for_calls
from tests.nights import night_in, options_for, outcomes_of, write_pairs

pytestmark = pytest.mark.server

OTHER_PLAN = "--same-image=skip"


@pytest.fixture
def night(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 160)
    return run


def start_two(local, tmp_path):
    """Start a run, pause it amid its calls, and start another, which waits; return both and what it said."""
    first = start(local, tmp_path)
    wait_for_calls(local, 20)
    with closing(coordinator_of(options_for(local, tmp_path))) as coordinator:
        (run_id,) = (run for run in coordinator.snapshot().runs if run.startswith("cli__"))
        coordinator.pause(run_id)
        second = start(local, tmp_path, OTHER_PLAN)
        said = next(line for line in second.stdout if "compares this date" in line)
        coordinator.resume()
    return first, second, said


def test_the_second_run_waits_for_the_first_names_it_and_pays_for_nothing_again(night, tmp_path):
    with local_account(latency_ms=20, calls_per_second=60) as local:
        first, second, said = start_two(local, tmp_path)
        told = [process.communicate(timeout=100)[0] for process in (first, second)]
        meter = local.meter()
    assert said.startswith("run cli__")
    assert (first.returncode, second.returncode) == (0, 0), told
    assert (meter["billed"], meter["paid_again"]) == (160, 0)
    assert set(outcomes_of(night)["outcome"]) == {"scored"}


def test_a_run_that_is_stopped_gives_its_date_up_at_once(night, tmp_path):
    with local_account(latency_ms=20, calls_per_second=30) as local:
        first, second, _ = start_two(local, tmp_path)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=100)
        told, _ = second.communicate(timeout=50)  # less than the minute after which it would be missed
        meter = local.meter()
    assert (first.returncode, second.returncode) == (130, 0), told
    assert (meter["distinct_billed_pairs"], meter["paid_again"]) == (160, 0)
