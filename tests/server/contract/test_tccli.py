"""The vendor's command line client against the service; deselected unless asked for.

    MASKMATCH_TCCLI=/some/venv/bin/tccli python -m pytest -m tccli tests/server/contract

It is no dependency because the SDK it brings along takes 600 MB.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.server.service import SECRET_ID, SECRET_KEY

pytestmark = pytest.mark.tccli


def tccli(address: str, home: Path, *parameters: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "HOME": os.fspath(home),
        "TENCENTCLOUD_SECRET_ID": SECRET_ID,
        "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
        "TENCENTCLOUD_REGION": "ap-guangzhou",
    }
    return subprocess.run(
        [
            os.environ.get("MASKMATCH_TCCLI", "tccli"),
            "iai",
            "CompareMaskFace",
            "--version",
            "2020-03-03",
            "--endpoint",
            address,
            *parameters,
        ],
        env=environment | changes,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_comparison_prints_its_score(address: str, tmp_path: Path) -> None:
    result = tccli(address, tmp_path, "--UrlA", "http://p.test/a", "--UrlB", "http://p.test/b")
    answer: dict[str, Any] = json.loads(result.stdout)
    assert result.returncode == 0
    assert 0 <= answer["Score"] <= 100


def test_a_mistake_prints_its_code(address: str, tmp_path: Path) -> None:
    urls = ("--UrlA", "http://p.test/a", "--UrlB", "http://p.test/b")
    wrong_key = tccli(address, tmp_path, *urls, TENCENTCLOUD_SECRET_KEY="wrong")
    one_side = tccli(address, tmp_path, *urls[:2])
    assert "AuthFailure.SignatureFailure" in wrong_key.stderr + wrong_key.stdout
    assert "MissingParameter.ErrorParameterEmpty" in one_side.stderr + one_side.stdout
