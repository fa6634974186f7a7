"""What every benchmark has in common: its options, and one JSON object as the last line."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping

Figures = Mapping[str, float]
Goals = Mapping[str, tuple[str, float]]


def main(
    name: str,
    text: str,
    run: Callable[[bool], Figures],
    goals: Goals,
    *,
    run_all: Callable[[], Figures] | None = None,
) -> int:
    """Run a benchmark and print its figures; return 1 when a goal is missed.

    `goals` holds for some figures the relation (`>=` or `<=`) and the number to reach, `run_all` does --all:
    a goal whose figure is missing then is missed.
    """
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--quick", action="store_true", help="take less than a minute, with rougher figures")
    if run_all:
        parser.add_argument("--all", action="store_true", help="measure everything; this may take 20 minutes")
    options = parser.parse_args()
    figures = run_all() if run_all and options.all else run(options.quick)
    missing = sorted(goals.keys() - figures.keys()) if run_all and options.all else []
    met = not missing and all(
        _holds(figures[figure], *goal) for figure, goal in goals.items() if figure in figures
    )
    shown = {figure: f"{relation} {number:g}" for figure, (relation, number) in goals.items()}
    line = {"benchmark": name, "figures": dict(figures), "goals": shown, "missing": missing, "met": met}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if met else 1


def _holds(figure: float, relation: str, number: float) -> bool:
    return figure >= number if relation == ">=" else figure <= number
