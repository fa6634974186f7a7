"""Each incident of docs/operations.md names who has caused and cured it, and one command runs those."""

import re
import subprocess

import pytest

from devstack.project import project_root

ROOT = project_root()
INCIDENTS = (ROOT / "docs" / "operations.md").read_text().split("\n## Incidents\n")[1].split("\n## ")[0]
_, *_PARTS = re.split(r"^### (.+)$", INCIDENTS, flags=re.MULTILINE)
SECTIONS = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))


def named_in(text: str) -> set[str]:
    return set(re.findall(r"`(tests/[\w/]+\.py)`", text))


@pytest.mark.parametrize("heading", SECTIONS)
def test_an_incident_names_what_has_tried_it_and_that_is_there(heading):
    text = SECTIONS[heading]
    benchmarks = [
        [*(ROOT / "benchmarks").glob(f"*/{name}.py")] for name in re.findall(r"`.*?NAME=(\w+)", text)
    ]
    assert named_in(text) or benchmarks
    assert all(benchmarks)
    assert [path for path in named_in(text) if not (ROOT / path).exists()] == []


def test_one_command_runs_the_tests_of_all_incidents():
    said = subprocess.run(["make", "-n", "incidents"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert named_in(INCIDENTS) <= set(said.stdout.split())
