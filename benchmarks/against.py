"""Compare two versions of the project: run a benchmark of each in turn, and print medians and their ratios.

    python -m benchmarks.against "cd OLD && .venv/bin/python -m benchmarks.engine.engine_speed --quick" \
        "make bench NAME=engine_speed BENCH=--quick"

Each command is a line of shell whose last line is what every benchmark prints: a JSON object. Rounds
alternate, so that whatever else the machine does hits both.
"""

import argparse
import json
import statistics
import subprocess
import sys

Figures = dict[str, float]


def main() -> None:
    """Run both commands in turn and print the figures that both have."""
    parser = argparse.ArgumentParser(description="Run two commands in turn and compare their figures.")
    parser.add_argument("old", help="command of the old version")
    parser.add_argument("new", help="command of the new version")
    parser.add_argument("--rounds", type=int, default=7, help="how often each runs (default %(default)s)")
    args = parser.parse_args()
    rounds: list[tuple[Figures, Figures]] = []
    for number in range(args.rounds):
        rounds.append((_figures(args.old), _figures(args.new)))
        print(f"round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
    names = [name for name in rounds[0][0] if name in rounds[0][1]]
    print(f"{'figure':<50} {'old':>10} {'new':>10} {'new/old':>8}")
    for name in names:
        old, new = (statistics.median(each[side][name] for each in rounds) for side in (0, 1))
        print(f"{name:<50} {old:>10.4g} {new:>10.4g} {new / old if old else float('nan'):>8.3f}")


def _figures(command: str) -> Figures:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        sys.exit(f"{command!r} printed no figures, exit status {done.returncode}:\n{done.stderr[-2000:]}")
    found = json.loads(lines[-1])["figures"]
    return {name: value for name, value in found.items() if type(value) in (int, float)}


if __name__ == "__main__":
    main()
