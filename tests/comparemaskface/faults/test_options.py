"""Faults asked for on the command line."""

import argparse

import pytest
from comparemaskface.command import add_arguments, serve
from comparemaskface.faults.named_faults import FaultBy, FaultPlan, plan_of
from comparemaskface.faults.options import plan_from


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_nothing_goes_wrong_unless_asked_for() -> None:
    assert plan_from(arguments()) == FaultPlan()


def test_the_options_make_a_plan() -> None:
    words = "--fault internal@0.1 --fault slow=0.4,0.5 --fault-seed 7 --fault-by pair --faults-per-pair 2"
    assert plan_from(arguments(*words.split())) == plan_of(
        ["internal@0.1", "slow=0.4,0.5"], seed=7, by=FaultBy.PAIR, per_pair=2
    )


@pytest.mark.usefixtures("process_logging")
def test_the_service_does_not_start_with_a_fault_it_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "--secret-id id --secret-key key --scores hash --port 0 --fault flood"
    assert serve(arguments(*words.split())) == 2
    assert "cannot start: 'flood' is not a fault" in capsys.readouterr().err
