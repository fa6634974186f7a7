"""What a run needs is looked at, nothing is billed, and each trouble is told with its cure."""

import json

import pytest

from maskmatch.cli.__main__ import main
from tests.account import local_account
from tests.nights import DAY, night_in, write_pairs


@pytest.fixture
def variables(monkeypatch):
    """Return a function that sets the account and its service."""

    def define(local, **changed):
        found = {
            "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
            "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
            "MASKMATCH_ENDPOINT": f"http://{local.account.endpoint}",
            "MASKMATCH_BUDGET_CALLS_PER_DAY": "1000",
            **changed,
        }
        for name, value in found.items():
            monkeypatch.setenv(name, value)

    return define


def looked(tmp_path, capsys, *more):
    places = [f"--{place}=file://{tmp_path}/{place}" for place in ("source", "warehouse")]
    status = main(["doctor", *places, f"--permit-store=sqlite:///{tmp_path}/permits.sqlite3", *more])
    lines = capsys.readouterr().out.splitlines()
    return status, {line[7:20].strip(): (line[:5].strip(), line[21:]) for line in lines[:-1]}, lines[-1]


@pytest.mark.server
def test_all_is_well_and_nothing_is_billed(tmp_path, capsys, variables):
    write_pairs(night_in(tmp_path).source, 3)
    with local_account() as local:
        variables(local)
        status, found, last = looked(tmp_path, capsys, f"--date={DAY}")
        assert local.meter()["billed"] == 0
    assert (status, last) == (0, "all that a run needs is there; nothing was billed")
    assert {well for well, _ in found.values()} == {"ok"}
    assert [*found] == ["account", "budgets", "permit store", "service", "source", "warehouse"]
    assert "manifests of" in found["source"][1]
    assert local.account.secret_key not in str(found)


@pytest.mark.server
def test_each_trouble_is_told_with_its_cure_and_the_rest_is_looked_at(tmp_path, capsys, variables):
    (tmp_path / "source").mkdir()
    with local_account() as local:
        variables(local, TENCENTCLOUD_SECRET_KEY="another-key", MASKMATCH_BUDGET_CALLS_PER_DAY="")
        status, found, last = looked(tmp_path, capsys, f"--date={DAY}")
    assert (status, last) == (1, "3 to mend")
    assert found["account"][0] == found["permit store"][0] == found["warehouse"][0] == "ok"
    assert "set a budget for the day" in found["budgets"][1]
    assert "SecretKey" in found["service"][1]
    assert "put one there that ends in" in found["source"][1]


@pytest.mark.server
def test_a_task_is_looked_at_through_its_connections(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    with local_account() as local:
        host, _, port = local.account.endpoint.partition(":")
        account = {
            "conn_type": "tencent_iai",
            "login": local.account.secret_id,
            "password": local.account.secret_key,
            "host": host,
            "port": int(port),
            "extra": {"protocol": "http", "budget_calls_per_day": 9, "answeredby": "x"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(account))
        _, found, _ = looked(tmp_path, capsys, "--connection=ours")
        assert "did you mean answered_by" in found["account"][1]
        account["extra"].pop("answeredby")
        monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(account))
        _, found, _ = looked(tmp_path, capsys, "--connection=ours")
    assert {well for name, (well, _) in found.items() if name != "source"} == {"ok"}
