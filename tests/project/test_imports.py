"""What a task imports at its start: a worker starts one for each shard."""

import subprocess
import sys

import pytest

OF_A_PLAN = ("maskmatch.storage.manifests", "maskmatch.pipeline.plan", "openpyxl")


@pytest.mark.parametrize(
    "what",
    [
        "maskmatch.pipeline.compare, maskmatch.storage.plans, maskmatch.hooks.connected_run",
        "maskmatch.pipeline.look_first",
        "maskmatch.pipeline.status",
    ],
)
def test_who_reads_a_plan_does_not_import_who_makes_one(what):
    code = f"import sys, {what}; print(sorted(set({OF_A_PLAN}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
