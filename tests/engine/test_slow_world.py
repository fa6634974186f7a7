"""Whole engines against slow services, on simulated time: some rows of the table, few seeds."""

import json
from dataclasses import asdict, replace

import pytest

from tests.engine.slow_mutations import MUTATIONS, RATE, figures_with
from tests.engine.slow_play import play
from tests.engine.slow_real_time import CELLS, cell_of, scenarios
from tests.engine.slow_rows import ROWS
from tests.engine.slow_world import Unmet, figures_of, figures_over, missed, not_met

SEED = 1
A_FEW = range(3)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("quick .5 s, cold", marks=pytest.mark.slow),
        "queue R/10",
        pytest.param("shared R/10", marks=pytest.mark.slow),
        pytest.param("workers R/10", marks=pytest.mark.slow),
        pytest.param("queue falls, .3 s", marks=pytest.mark.slow),
        pytest.param("refuses above R/8", marks=pytest.mark.slow),
        pytest.param("silent 8 s, then quick", marks=pytest.mark.slow),
        "dead from the start",
    ],
)
def test_a_slow_service_costs_little_and_is_used(name):
    assert missed(name, 20, figures_over([figures_of(name, 20, seed) for seed in A_FEW])) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["queue R/10 x8", "queue falls x8", "refuses above R/8", "quick .5 s, cold x8"]
)
def test_so_it_does_at_two_hundred_a_second(name):
    assert missed(name, 200, figures_over([figures_of(name, 200, SEED)])) == []


def test_a_play_follows_from_its_seed():
    few = replace(ROWS["queue R/10 x8"].play(20, 3), pairs=24)
    assert play(few) == play(few)


def test_every_goal_is_of_a_figure():
    known = {*figures_of("dead from the start", 20, SEED), "lost_worst"}
    assert {goal for row in ROWS.values() for goals in row.goals.values() for goal in goals} <= known


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_law_that_lacks_a_part_misses_a_goal(name):
    assert missed(MUTATIONS[name].row, RATE, figures_with(MUTATIONS[name], seeds=1))


def test_the_cells_of_the_benchmark_are_those_of_the_simulation():
    kept = json.loads(CELLS.read_text())
    simulated = [cell.pop("simulated") for cell in kept]
    assert kept == json.loads(json.dumps([asdict(scenario) for scenario in scenarios()]))
    assert cell_of(scenarios()[1])["simulated"] == simulated[1], (
        "run python -m tests.engine.slow_real_time --write"
    )


def test_goals_out_of_reach_are_named_apart():
    figures = dict.fromkeys(figures_of("dead from the start", 20, SEED), 1.0)
    found = not_met("shared falls, .3 s", 20, {**figures, "full_rate_after": 3.0})
    assert found == Unmet(missed=["full_rate_after 3, not <= 2"], beyond=["lost 1, not <= 0.01"])
