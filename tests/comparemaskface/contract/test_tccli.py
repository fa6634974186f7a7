"""The vendor's unmodified command line client against the service, from the environment `make test` makes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.comparemaskface.service import SECRET_ID, SECRET_KEY

TCCLI = Path(__file__).parents[3] / ".venv-tccli/bin/tccli"

pytestmark = pytest.mark.skipif(not TCCLI.exists(), reason="no .venv-tccli here: `make test` makes it")


def tccli(address: str, home: Path, *parameters: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "HOME": os.fspath(home),
        "TENCENTCLOUD_SECRET_ID": SECRET_ID,
        "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
        "TENCENTCLOUD_REGION": "ap-guangzhou",
    }
    return subprocess.run(
        [
            os.fspath(TCCLI),
            "iai",
            "CompareMaskFace",
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


def test_an_error_prints_its_code(address: str, tmp_path: Path) -> None:
    urls = ("--UrlA", "http://p.test/a", "--UrlB", "http://p.test/b")
    wrong_key = tccli(address, tmp_path, *urls, TENCENTCLOUD_SECRET_KEY="wrong")
    one_side = tccli(address, tmp_path, *urls[:2])
    assert "AuthFailure.SignatureFailure" in wrong_key.stderr + wrong_key.stdout
    assert "MissingParameter.ErrorParameterEmpty" in one_side.stderr + one_side.stdout
