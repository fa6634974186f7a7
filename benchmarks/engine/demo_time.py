"""How long `make demo` takes: from a fresh clone with a warm package cache, and the second time.

The commit that is checked out is cloned into an empty folder; both runs are those of the clone. Quick: the
demo of this checkout alone, which is set up already.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import main

PROJECT = Path(__file__).resolve().parents[2]
GOALS = {"fresh_clone_seconds": ("<=", 180), "second_time_seconds": ("<=", 60)}


def run(quick: bool) -> dict[str, float]:
    """Run the demo and return the seconds."""
    if quick:
        return {"second_time_seconds": _seconds(PROJECT)}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "maskmatch"
        subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
        return {"fresh_clone_seconds": _seconds(clone), "second_time_seconds": _seconds(clone)}


def _seconds(project: Path) -> float:
    started = time.monotonic()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "demo"], cwd=project, env=inherited, check=True)
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    sys.exit(main("demo_time", __doc__, run, GOALS))
