"""How long it takes from a cold clone to the first green run that a person triggers in Airflow's page.

    python -m tests.demo.first_run

It clones this checkout as it is committed, does what `make up` does, and presses *Trigger* in a real browser.
What pip has in its cache counts as it is. The last line is one JSON object: seconds since the beginning, and
the load of the machine before.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from demo.stack import DAG_ID
from devstack.project import project_root
from tests.comparemaskface.browser import chromium
from tests.demo.page import sign_in, trigger
from tests.demo.running_up import running
from tests.waiting import wait_until


def measure(folder: Path) -> dict[str, float]:
    """Return after how many seconds each step was done."""
    began, steps = time.monotonic(), {"load_before": round(os.getloadavg()[0], 1)}

    def done(step: str) -> None:
        steps[step] = round(time.monotonic() - began, 1)
        sys.stdout.write(f"{steps[step]:6.1f} s  {step}\n")

    clone = folder / "maskmatch"
    subprocess.run(["git", "clone", "--quiet", project_root(), clone], check=True)
    done("cloned")
    subprocess.run(["make", "setup"], cwd=clone, check=True)
    done("set up")
    command = [str(clone / ".venv/bin/python"), "-m", "demo.up"]  # as `make up` does, but it hears of Ctrl-C
    with running(clone / ".state", command, cwd=clone) as up, closing(up.api()) as api:
        done("the page is there")
        with chromium(folder) as tab:
            sign_in(tab, up.url, up.password)
            trigger(tab, up.url, DAG_ID)
        done("triggered in the page")

        def by_hand() -> list[str]:
            runs = [run["dag_run_id"] for run in api.runs(DAG_ID)]
            return [run for run in runs if run.startswith("manual")]

        wait_until(by_hand, "the run", seconds=60)
        assert api.wait(DAG_ID, by_hand()[0], seconds=900) == "success"
        done("green")
    return steps


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(measure(Path(folder))) + "\n")
