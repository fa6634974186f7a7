"""How many distinct mistakes the local service answers as the vendor does.

Each case makes one mistake in the protocol, in a picture, or comes from an account in some state, through the
vendor's SDK where it can express the mistake, by hand where it cannot. The tests run the same cases.
"""

import io
import os
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

sys.path.insert(0, os.fspath(Path(__file__).parents[1]))  # the cases are the tests'

from _report import main

from tests.server.contract.cases import CASES
from tests.server.contract.world import world

GOALS = {"cases": (">=", 120), "wrong": ("<=", 0)}


def run(_quick: bool) -> dict[str, float]:
    """Try every case once; when some are wrong, say on stderr which, after what the services logged."""
    logged = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(logged), world(Path(folder)) as services:
        complaints = [complaint for case in CASES if (complaint := case.complaint(services))]
    if complaints:
        sys.stderr.write("\n".join([logged.getvalue(), *complaints, ""]))
    codes = len({case.code for case in CASES})
    right = len(CASES) - len(complaints)
    return {"cases": len(CASES), "right": right, "wrong": len(complaints), "codes": codes}


if __name__ == "__main__":
    sys.exit(main("service_conformance", __doc__, run, GOALS))
