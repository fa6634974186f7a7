import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules["comparemaskface"] = None
from maskmatch.cli.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [[], ["--port", "8390"], ["--scores=hash"], ["--help"]])
def test_where_the_service_is_missing_serve_names_the_pip_line_whatever_follows(arguments):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "serve", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install ./services/comparemaskface" in done.stderr


def test_everything_else_works_without_the_service():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "plan", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
