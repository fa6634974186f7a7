"""Orders are given where tasks read their account: the connection of Airflow."""

import json
import subprocess
import sys

import pytest

from maskmatch.cli.__main__ import main

ACCOUNT = {
    "conn_type": "tencent_iai",
    "login": "AKIDtest-of-a-connection",
    "extra": {"calls_per_second": 7},
}


@pytest.fixture
def connection(monkeypatch, tmp_path):
    """Define the account's connection, without its key, and forget what variables say."""
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_ACCOUNT_ID", "MASKMATCH_PERMIT_STORE"):
        monkeypatch.delenv(name, raising=False)
    extra = {**ACCOUNT["extra"], "permit_store": f"sqlite:///{tmp_path}/permits.sqlite3"}
    monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps({**ACCOUNT, "extra": extra}))


def test_an_order_reads_account_rate_and_permit_store_from_the_connection(connection, monkeypatch, tmp_path):
    monkeypatch.setenv("MASKMATCH_CONNECTION", "ours")
    asked = [sys.executable, "-m", "maskmatch.cli.__main__", "quota", "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["calls_per_second"] == 7
    assert (tmp_path / "permits.sqlite3").exists()


def test_a_connection_that_airflow_does_not_know_is_named(connection, capsys):
    assert main(["quota", "--connection=others"]) == 2
    assert "connection others: Airflow, as it is set up here, knows no" in capsys.readouterr().err
