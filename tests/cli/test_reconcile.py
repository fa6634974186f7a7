"""Permits, journals, meter and bill of a month side by side, for calls that were really made."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.storage.tables import read_table
from tests.account import local_account
from tests.commands import command, start, wait_for_calls
from tests.nights import DAY, night_in, write_pairs

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDtest")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "a-key-for-tests-only")


def reconcile(local, folder, *more):
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return today, main(
        [
            "reconcile",
            f"--month={today:%Y-%m}",
            f"--warehouse=file://{folder}/warehouse",
            f"--permit-store=sqlite:///{folder}/permits.sqlite3",
            f"--meter={local.account.endpoint}",
            *more,
        ]
    )


def test_all_books_agree_and_the_bill_stands_beside_them(tmp_path, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 30)
    bill = tmp_path / "bill.csv"
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
        bill.write_text(f"Date,Usage,Amount\n{today},31,0.0992\n")
        capsys.readouterr()
        day, status = reconcile(
            local, tmp_path, f"--bill={bill}", "--bill-columns=day=Date,calls=Usage,cost=Amount"
        )
    shown = capsys.readouterr().out
    assert status == 0
    assert re.search(rf"{day} +30 +30 +0 +0 +31 +0\.0992", shown)
    assert re.search(r"all +30 +30 +0 +0 +31 +0\.0992", shown)
    assert "CNY 0.0960" in shown
    assert "the meter of the local service has 30 calls" in shown


def test_what_a_kill_cut_off_shows_as_permits_without_record(tmp_path, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 200)
    with local_account(latency_ms=30) as local:
        process = start(local, tmp_path)
        wait_for_calls(local, 60)
        process.kill()
        process.communicate()
        assert main(command(local, tmp_path)) == 0
        billed = local.meter()["billed"]
        capsys.readouterr()
        day, status = reconcile(local, tmp_path)
    shown = capsys.readouterr().out
    permits, recorded, perhaps, without = map(
        int, re.search(rf"{day} +(\d+) +(\d+) +(\d+) +(\d+)", shown).groups()
    )
    assert status == 0
    assert recorded == 200 <= billed <= permits
    assert without == permits - recorded - perhaps
    assert (without > 0) == ("without record are calls that kills cut off" in shown)


def test_what_the_books_do_not_count_is_told(tmp_path, capsys, monkeypatch):
    run = night_in(tmp_path)
    write_pairs(run.source, 5)
    bill = tmp_path / "bill.csv"
    bill.write_text(f"Date,Usage\n2026-01-05,7\n{datetime.now(UTC):%Y-%m}-01,5\n")
    more = [f"--bill={bill}", "--bill-columns=day=Date,calls=Usage"]
    with local_account() as local:
        assert main(command(local, tmp_path)) == 0
        capsys.readouterr()
        assert reconcile(local, tmp_path, *more)[1] == 0
        assert capsys.readouterr().out.splitlines()[-1] == (
            "days of the bill in other months are left out: 1, 2026-01-05 to 2026-01-05"
        )
        (account,) = set(read_table(run.warehouse, "attempts", DAY)["account"].to_pylist())
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDother")
        assert reconcile(local, tmp_path)[1] == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "no run has ever used this account there" in told
    assert f"calls of other accounts are left out: {account}" in told


def test_a_bill_without_columns_is_refused(tmp_path, capsys):
    with local_account() as local:
        _, status = reconcile(local, tmp_path, f"--bill={tmp_path}/x.csv")
    assert (status, "together" in capsys.readouterr().err) == (2, True)
