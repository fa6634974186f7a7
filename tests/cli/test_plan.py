import json

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.storage.object_stores import S3Store
from tests.account import local_account
from tests.commands import command
from tests.nights import DAY, night_in, write_pairs
from tests.s3 import client_of

NEXT, LAST = DAY.replace(day=DAY.day + 1), DAY.replace(day=DAY.day + 2)


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Return a function that gives the words of `plan`, of an account of its own."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDtest")

    def of(*more):
        where = [f"--{place}=file://{tmp_path}/{place}" for place in ("source", "warehouse")]
        return ["plan", f"--date={DAY}", f"--permit-store=sqlite:///{tmp_path}/p.sqlite3", *where, *more]

    return of


def test_a_date_is_forecast_as_a_table_and_as_json(words, tmp_path, capsys):
    write_pairs(night_in(tmp_path).source, 12)
    assert main(words("--deadline=08:00", "--time-zone=Asia/Shanghai")) == 0
    shown = capsys.readouterr().out
    assert "12 calls, CNY 0.04, end 20" in shown
    assert "CNY 0.04 (12 x 0.0032)" in shown
    assert "300 calls/s by contract" in shown
    assert "Asia/Shanghai: kept" in shown
    assert main(words("--json", "--image-transfer=bytes")) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["calls"], record["cost_cny"], record["unknown"].get("rate")) == (12, "0.0384", None)
    assert not (tmp_path / "p.sqlite3").exists()


def test_without_an_account_the_most_it_costs_is_told(words, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
    write_pairs(night_in(tmp_path).source, 12)
    assert main(words()) == 0
    shown = capsys.readouterr().out
    assert "12 calls, at most CNY 0.04" in shown
    assert "no account is named: set TENCENTCLOUD_SECRET_ID" in shown


def test_several_dates_have_a_total_and_one_without_a_manifest_its_reason(words, tmp_path, capsys):
    source = night_in(tmp_path).source
    write_pairs(source, 12)
    write_pairs(source, 30, day=LAST)
    assert main(words(f"--to-date={LAST}")) == 1
    shown = capsys.readouterr().out
    assert "no manifest at" in shown
    assert "All 2 dates one after the other" in shown
    assert "42 calls, CNY 0.14" in shown
    assert main(words(f"--to-date={LAST}", "--json")) == 1
    record = json.loads(capsys.readouterr().out)
    assert [each["calls"] for each in record["dates"]] == [12, 30]
    assert record["total"]["calls"] == 42
    assert list(record["without_plan"]) == [str(NEXT)]


def test_dates_in_the_wrong_order_are_an_error(words, capsys):
    assert main(words("--to-date=2025-01-01")) == 1
    assert "--to-date 2025-01-01 is before --date" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--deadline=8 o'clock", "--deadline=24:00", "--time-zone=Mars"])
def test_a_wrong_deadline_is_told_with_its_form(words, option, capsys):
    assert main(words(option)) == 2
    assert f"option {option.partition('=')[0]}" in capsys.readouterr().err


@pytest.mark.server
def test_what_was_answered_before_is_not_forecast_again(seaweed, tmp_path, capsys, monkeypatch):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    client, root = client_of(seaweed), f"forecasts/{tmp_path.name}"
    source = S3Store(client, bucket="maskmatch", prefix=f"{root}/source")
    with local_account() as local:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", local.account.secret_id)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", local.account.secret_key)
        where = [f"--{place}=s3://maskmatch/{root}/{place}" for place in ("source", "warehouse")]
        write_pairs(source, 12)
        assert main([*command(local, tmp_path, "run"), *where]) == 0
        write_pairs(source, 20)
        capsys.readouterr()
        assert main([*command(local, tmp_path, "plan"), *where, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        before = local.meter()["billed"]
        assert main([*command(local, tmp_path, "run"), *where]) == 0
        assert local.meter()["billed"] - before == record["calls"]
    client.close()
    assert record["rows_known"] == 20 - record["calls"] > 0
