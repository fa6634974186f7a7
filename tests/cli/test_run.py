import signal

import pytest

from maskmatch.cli.__main__ import main
from tests.account import local_account
from tests.commands import command, complete_in_spite_of_kills, start, wait_for_calls
from tests.nights import DAY, night_in, outcomes_of, write_pairs

pytestmark = pytest.mark.server


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDtest")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "a-key-for-tests-only")


@pytest.mark.usefixtures("keys")
def test_a_date_is_planned_run_and_shown(tmp_path, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 12)
    with local_account() as local:
        assert main(command(local, tmp_path, "plan")) == 0
        assert main(command(local, tmp_path)) == 0
        assert main(command(local, tmp_path, "status")) == 0
    shown = capsys.readouterr().out
    assert "12 rows, 12 pairs to compare in 1 shards, 0 bad rows" in shown
    assert "12 of 12 done, 12 scored" in shown
    assert len(outcomes_of(run)) == 12


def test_after_kill_9_no_pair_is_lost_or_doubled_and_at_most_those_in_flight_are_paid_again(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 300)
    with local_account(latency_ms=30) as local:
        complete_in_spite_of_kills(local, tmp_path, after=(40, 120, 200))
        meter = local.meter()
    table = outcomes_of(run)
    assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(300)]
    assert set(table["outcome"]) == {"scored"}
    assert meter["distinct_billed_pairs"] == 300
    assert meter["paid_again"] <= 3 * (8 + 8)  # calls in flight, and one group of the journal


def test_ctrl_c_ends_the_pairs_in_flight_and_says_how_to_go_on(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 300)
    with local_account(latency_ms=30) as local:
        process = start(local, tmp_path)
        wait_for_calls(local, 20)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert (process.returncode, "run the same command to go on" in output) == (130, True)
        process = start(local, tmp_path)
        process.communicate(timeout=100)
        assert local.meter()["paid_again"] == 0
    assert len(outcomes_of(run)) == 300


def test_an_error_is_one_clear_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    assert (
        main(["run", f"--date={DAY}", f"--source=file://{tmp_path}", f"--warehouse=file://{tmp_path}"]) == 2
    )
    assert capsys.readouterr().err == "maskmatch: error: set TENCENTCLOUD_SECRET_ID in the environment\n"
    assert main(["status", f"--date={DAY}"]) == 1
    assert "give --warehouse or set MASKMATCH_WAREHOUSE" in capsys.readouterr().err


@pytest.mark.usefixtures("keys")
def test_a_wrong_key_names_the_cure_and_where_keys_come_from(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "wrong")
    write_pairs(night_in(tmp_path).source, 3)
    with local_account() as local:
        assert main(command(local, tmp_path)) == 1
    shown = capsys.readouterr().err
    assert "fix the SecretKey" in shown
    assert "come from the environment" in shown


def test_two_runs_of_one_date_do_not_both_go_on(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 500)
    with local_account(latency_ms=100) as local:
        first = start(local, tmp_path)
        wait_for_calls(local, 60)
        second = start(local, tmp_path)
        said, _ = first.communicate(timeout=100)
        second.communicate(timeout=100)
        paid_again = local.meter()["paid_again"]
    assert (first.returncode, second.returncode) == (1, 0)
    assert "has taken over from 1; this one stops" in said
    assert paid_again <= 8 + 2 * 8  # in flight, and what two groups of the journal held on a busy host
    assert len(outcomes_of(run)) == 500


def test_an_invalid_date_is_refused_with_its_form(capsys):
    with pytest.raises(SystemExit):
        main(["status", "--date=2026-13-01"])
    assert "'2026-13-01' is not a date: give YYYY-MM-DD" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["plan", "validate", "run", "status", "quota", "pause", "resume", "drain", "doctor", "serve"]
)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "usage: maskmatch" in shown
    assert "None)" not in shown
