"""Whom an order reaches, what is said when it is nobody, and the record of it."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.permits.steps.claims import CHECK_RUN
from tests.account import local_account
from tests.cli.known_runs import known_to_the_store
from tests.commands import command, start, wait_for_calls
from tests.nights import night_in, write_pairs

pytestmark = pytest.mark.server

ORDERS = [["pause"], ["resume"], ["drain"], ["quota", "--floor=backfill=0.1"]]


def words_of(order):
    return " ".join(order)


@pytest.fixture(scope="module")
def service():
    with local_account(latency_ms=30, calls_per_second=40.0) as local:
        yield local


@pytest.fixture
def account(service, monkeypatch):
    """Return the account, whose key is in the environment."""
    for name in ("SUDO_USER", "MASKMATCH_PERMIT_STORE", "TENCENTCLOUD_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", service.account.secret_id)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", service.account.secret_key)
    return service


@pytest.mark.parametrize("order", ORDERS, ids=words_of)
def test_an_order_says_store_account_and_the_run_that_it_has_reached(tmp_path, account, capsys, order):
    write_pairs(night_in(tmp_path).source, 400)
    process = start(account, tmp_path)
    wait_for_calls(account, account.meter()["billed"] + 5)
    assert main(command(account, tmp_path, *order)) == 0
    said = capsys.readouterr().out
    process.kill()
    process.communicate()
    where = (
        f"at permit store sqlite:///{tmp_path}/permits.sqlite3, account {account.account.name}; there now:"
    )
    assert where in said
    assert re.search(rf"^  run cli__\w+: {re.escape(os.uname().nodename)}:{process.pid}$", said, re.MULTILINE)
    assert account.account.secret_id not in said


@pytest.mark.parametrize("order", ["pause", "drain", "resume"])
def test_an_order_for_all_that_finds_nobody_there_says_so(tmp_path, account, capsys, order):
    known_to_the_store(account, tmp_path, "A")
    assert main(command(account, tmp_path, order)) == 0
    said = capsys.readouterr().out
    assert ("no run is there now; runs that start will obey" in said) is (order != "resume")
    assert "no run is there now" in said


@pytest.mark.parametrize("order", ORDERS, ids=words_of)
def test_an_order_for_an_account_that_nobody_has_used_fails_and_makes_nothing(
    tmp_path, account, capsys, monkeypatch, order
):
    known_to_the_store(account, tmp_path, "A")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDmistyped")
    assert main(command(account, tmp_path, *order)) == 3
    caught = capsys.readouterr()
    assert caught.out == ""
    assert (
        f"error: nobody is reached: permit store sqlite:///{tmp_path}/permits.sqlite3, account key-"
        in caught.err
    )
    assert (
        "no run has ever used this account there; check the account's SecretId or id, and the address"
        in caught.err
    )
    assert "AKID" not in caught.err
    with closing(sqlite3.connect(tmp_path / "permits.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM permit_documents").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM permit_orders").fetchone() == (0,)


def test_another_users_default_store_is_named_as_such_by_a_real_process(tmp_path, account):
    environment = os.environ | {"HOME": str(tmp_path)}
    words = [sys.executable, "-m", "maskmatch.cli.__main__", "pause"]
    done = subprocess.run(words, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 3
    assert f"permit store sqlite:///{tmp_path}/.maskmatch/permits.sqlite3, account key-" in done.stderr
    assert "That file is the default of user " in done.stderr
    assert "every user of a host has one of their own: give --permit-store" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", ORDERS, ids=words_of)
def test_an_account_of_which_only_the_opening_call_was_made_is_not_known(tmp_path, account, capsys, order):
    known_to_the_store(account, tmp_path, CHECK_RUN)
    assert main(command(account, tmp_path, *order)) == 3
    assert "no run has ever used this account there" in capsys.readouterr().err


@pytest.mark.parametrize("order", ["pause", "resume", "drain"])
def test_an_order_for_a_run_that_nobody_knows_names_those_that_are_the_nearest_first(
    tmp_path, account, capsys, order
):
    known_to_the_store(
        account, tmp_path, "manual__1", "scheduled__2026-11-21", "scheduled__2026-11-22", "B", "C", "D"
    )
    assert main(command(account, tmp_path, order, "--run=scheduled__2026-11-23")) == 4
    caught = capsys.readouterr()
    assert "error: no run is reached" in caught.err
    assert (
        "has no run scheduled__2026-11-23; it has scheduled__2026-11-21, scheduled__2026-11-22, "
        in caught.err
    )
    assert caught.err.endswith(" and 1 more\n")
    assert main(command(account, tmp_path, "quota", "--orders", "--json")) == 0
    assert json.loads(capsys.readouterr().out) == {"orders": []}


def test_orders_are_shown_with_who_gave_them_when_and_for_whom(tmp_path, account, capsys, monkeypatch):
    known_to_the_store(account, tmp_path, "A [red]")
    monkeypatch.setenv("SUDO_USER", "ann")
    assert main(command(account, tmp_path, "pause", "--run=A [red]")) == 0
    monkeypatch.delenv("SUDO_USER")
    assert main(command(account, tmp_path, "quota", "--floor=ad-hoc=0.25")) == 0
    assert main(command(account, tmp_path, "drain")) == 0
    capsys.readouterr()
    assert main(command(account, tmp_path, "quota", "--orders", "--json")) == 0
    drain, floor, pause = json.loads(capsys.readouterr().out)["orders"]
    assert [(each["what"], each["whom"], each["share"]) for each in (drain, floor, pause)] == [
        ("drain", "*", None),
        ("floor", "ad_hoc", 0.25),
        ("pause", "A [red]", None),
    ]
    here = f"@{os.uname().nodename}"
    assert (here in drain["by"], pause["by"].endswith(f"{here} for ann")) == (True, True)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(drain["at"])).total_seconds()) < 60
    assert main(command(account, tmp_path, "quota", "--orders=2")) == 0
    shown = capsys.readouterr().out
    assert ("all runs" in shown, "25 %" in shown, "[red]" in shown) == (True, True, False)
    assert main(command(account, tmp_path, "quota", "--orders")) == 0
    assert "A [red]" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["0", "1001", "-1", "many", "1.5"])
def test_a_wrong_number_of_orders_is_refused_with_its_form(number, capsys):
    with pytest.raises(SystemExit):
        main(["quota", f"--orders={number}"])
    assert "is not a whole number from 1 to 1000" in capsys.readouterr().err


def test_a_look_at_an_account_that_nobody_has_used_says_so(tmp_path, account, capsys):
    assert main(command(account, tmp_path, "quota")) == 0
    assert "no run has ever used this account there" in " ".join(capsys.readouterr().out.split())
    assert main(command(account, tmp_path, "quota", "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["is_known"], record["account"]) == (False, account.account.name)
    assert record["permit_store"] == f"sqlite:///{tmp_path}/permits.sqlite3"
    assert list(tmp_path.iterdir()) == []


def test_every_exit_status_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for status in (
        "0 done",
        "1 an error",
        "2 a wrong",
        "3 an order",
        "4 an order",
        "75 a budget",
        "130 stopped",
    ):
        assert status in " ".join(said.split())
