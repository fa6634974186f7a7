"""Permits, journals, meter and bill of a month side by side, for calls that were really made."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from maskmatch.cli.__main__ import main
from tests.account import local_account
from tests.commands import command, start, wait_for_calls
from tests.nights import night_in, write_pairs

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
    permits, recorded, perhaps, without = map(
        int, re.search(rf"{day} +(\d+) +(\d+) +(\d+) +(\d+)", capsys.readouterr().out).groups()
    )
    assert status == 0
    assert recorded == 200 <= billed <= permits
    assert without == permits - recorded - perhaps


def test_a_bill_without_columns_is_refused(tmp_path, capsys):
    with local_account() as local:
        _, status = reconcile(local, tmp_path, f"--bill={tmp_path}/x.csv")
    assert (status, "together" in capsys.readouterr().err) == (2, True)
