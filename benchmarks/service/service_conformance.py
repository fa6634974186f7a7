"""How many distinct mistakes the local service answers as the vendor does.

Each case makes one mistake in the protocol, in a picture, or comes from an account in some state, through the
vendor's SDK where it can express the mistake, by hand where it cannot. The cases are those of the service's
tests, which run here as a process of their own.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.report import main

PROJECT = Path(__file__).resolve().parents[2]
CASES = "test_the_answer_is_the_vendors"
GOALS = {"cases": (">=", 120), "wrong": ("<=", 0)}


def run(_quick: bool) -> dict[str, float]:
    """Try every case once; when some are wrong, pytest says on stdout which."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [_test_file(), "-q", "-k", CASES, "-p", "no:cacheprovider", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *words], cwd=PROJECT, check=False)
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest has just written it
    right = sum(case.find("failure") is None and case.find("error") is None for case in cases)
    return {"cases": len(cases), "right": right, "wrong": len(cases) - right}


def _test_file() -> str:
    """Return the one file of tests that holds the cases."""
    folders = (PROJECT / "tests", PROJECT / "services")
    files = [path for folder in folders for path in folder.rglob("test_conformance.py")]
    return next(str(path) for path in files if re.search(rf"def {CASES}\b", path.read_text()))


if __name__ == "__main__":
    sys.exit(main("service_conformance", __doc__, run, GOALS))
