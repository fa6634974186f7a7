"""Parts of the law taken away one by one: for each, a row of the table of slow services must miss a goal.

python -m tests.engine.slow_mutations                   prints what missed which, and that the law misses none
"""

import json
import subprocess
import sys
from dataclasses import dataclass

from devstack.project import project_root
from tests.engine.planted import package_with
from tests.engine.slow_world import Figures, missed

RATE, SEEDS = 200, 3


@dataclass(frozen=True, slots=True)
class Mutation:
    """A text of the law, what stands there instead, and the row that must tell."""

    text: str
    instead: str
    row: str


MUTATIONS = {
    "calls are late from three tenths on": Mutation(
        "GOOD, LATE = 0.1, 0.4, 0.6", "GOOD, LATE = 0.1, 0.4, 0.3", "workers R/10"
    ),
    "home is twice as large": Mutation("HOME = 1 / 20", "HOME = 1 / 10", "queue R/10"),
    "other processes do not count": Mutation("self._rate / processes", "self._rate", "queue R/10 x8"),
    # Not `quick, long tails`: there is room to spare, and the two places that a stalled call takes away
    # come back with the next two quick answers (use 1.005 without the part). When a service becomes three
    # times slower, room must grow, and each place counts.
    "one late call is evidence": Mutation("min(share, beside)", "share", "quick .3 s, then .9 s"),
}
UNCHANGED = {
    f"the law as it is, {row}": Mutation("HOME = 1 / 20", "HOME = 1 / 20", row)
    for row in sorted({mutation.row for mutation in MUTATIONS.values()})
}


def figures_with(mutation: Mutation, *, seeds: int = SEEDS) -> Figures:
    """Return the figures of the row that must tell."""
    options = ["--rows", mutation.row, "--rate", str(RATE), "--seeds", str(seeds)]
    with package_with("capacity.py", mutation.text, mutation.instead) as environment:
        done = subprocess.run(
            [sys.executable, "-m", "tests.engine.slow_world", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=project_root(),
            env=environment,
        )
    if not done.stdout:
        raise RuntimeError(done.stderr)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])["figures"][f"{mutation.row}, R {RATE}"]
    return figures


def main() -> int:
    """Take each part away, and play its row."""
    wrong = 0
    for name, mutation in {**UNCHANGED, **MUTATIONS}.items():
        not_met = missed(mutation.row, RATE, figures_with(mutation))
        wrong += bool(not_met) is (name in UNCHANGED)
        sys.stdout.write(
            f"{name}: {mutation.row} {'misses ' + '; '.join(not_met) if not_met else 'is met'}\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"{len(MUTATIONS)} parts, {wrong} rows did not tell\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
