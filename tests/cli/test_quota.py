import json
import signal
import time

import pytest

from maskmatch.cli.__main__ import main
from tests.account import local_account
from tests.cli.known_runs import known_to_the_store
from tests.commands import command, start, wait_for_calls
from tests.nights import night_in, outcomes_of, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

RATE = 40.0
RUN = 4
"""Calls that a process books at once; what it has booked when the budget ends it gives back."""


@pytest.fixture
def account(monkeypatch):
    """Run a service that allows 40 calls a second, with its key in the environment."""
    with local_account(latency_ms=30, calls_per_second=RATE) as local:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", local.account.secret_id)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", local.account.secret_key)
        yield local


def calls_in(local, seconds):
    before = local.meter()["accepted"]
    time.sleep(seconds)  # calls that do not come are seen by time alone
    return local.meter()["accepted"] - before


def test_pause_stops_a_running_run_within_2_s_and_resume_lets_it_go_on(tmp_path, account):
    run = night_in(tmp_path)
    write_pairs(run.source, 120)
    process = start(account, tmp_path)
    wait_for_calls(account, 20)
    assert main(command(account, tmp_path, "pause")) == 0
    time.sleep(2)  # what is promised
    assert calls_in(account, 0.5) == 0
    assert process.poll() is None
    assert main(command(account, tmp_path, "resume")) == 0
    before = account.meter()["accepted"]
    wait_until(lambda: account.meter()["accepted"] > before + RATE / 4, "calls after the pause", seconds=2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "paused (all runs) by " in output
    assert len(outcomes_of(run)) == 120


def test_drain_ends_a_run_within_2_s_and_says_how_to_go_on(tmp_path, account, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 120)
    process = start(account, tmp_path)
    wait_for_calls(account, 20)
    asked_at = time.monotonic()
    assert main(command(account, tmp_path, "drain")) == 0
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - asked_at < 2 + 1  # and the time Python takes to end
    assert (process.returncode, "maskmatch resume, then the same command" in output) == (130, True)
    assert main(command(account, tmp_path)) == 130
    assert main(command(account, tmp_path, "resume")) == 0
    assert main(command(account, tmp_path)) == 0
    assert account.meter()["paid_again"] == 0
    assert len(outcomes_of(run)) == 120


def test_an_order_for_another_run_leaves_this_one_alone(tmp_path, account):
    write_pairs(night_in(tmp_path).source, 5)
    known_to_the_store(account, tmp_path, "somebody else")
    assert main(command(account, tmp_path, "drain", "--run=somebody else")) == 0
    assert main(command(account, tmp_path)) == 0


@pytest.mark.parametrize(("order", "word"), [("pause", "paused"), ("drain", "drained")])
def test_resuming_one_run_says_that_an_order_for_all_is_still_in_force(
    tmp_path, account, capsys, order, word
):
    known_to_the_store(account, tmp_path, "A", "B")
    assert main(command(account, tmp_path, order)) == 0
    capsys.readouterr()
    assert main(command(account, tmp_path, "resume", "--run=A")) == 0
    said = capsys.readouterr().out
    assert (
        f"all runs of the account, this one too, are still {word}: `maskmatch resume` without --run" in said
    )
    assert main(command(account, tmp_path, "resume")) == 0
    assert main(command(account, tmp_path, order, "--run=B")) == 0
    capsys.readouterr()
    assert main(command(account, tmp_path, "resume", "--run=A")) == 0
    assert "all runs" not in capsys.readouterr().out


def test_quota_shows_rate_users_priorities_and_budgets_of_a_running_run(tmp_path, account, capsys):
    write_pairs(night_in(tmp_path).source, 400)
    process = start(
        account, tmp_path, "--priority=backfill", "--budget-calls-per-day=100000", "--budget-cny=7"
    )
    wait_for_calls(account, 40)
    assert main(command(account, tmp_path, "quota")) == 0
    shown = capsys.readouterr().out
    assert main(command(account, tmp_path, "quota", "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    process.kill()
    process.communicate()
    (user,) = record["users"]
    assert (user["who"].endswith(f":{process.pid}"), user["priority"]) == (True, "backfill")
    assert user["run_id"].startswith("cli__")
    windows = {window["kind"]: window for window in record["windows"] if window["name"] != "check"}
    assert windows["day"]["most_calls"] == 100_000
    assert windows["run"]["most_cny"] == "7"
    assert 40 <= windows["run"]["calls"] <= account.meter()["accepted"] + 8
    for text in ("of 40 allowed", user["run_id"], "100,000", "7.00", "backfill"):
        assert text in shown


def test_a_floor_is_changed_while_everything_runs(tmp_path, account, capsys):
    known_to_the_store(account, tmp_path, "A")
    assert main(command(account, tmp_path, "quota", "--floor=backfill=0.25", "--json")) == 0
    priorities = json.loads(capsys.readouterr().out)["priorities"]
    assert {each["priority"]: each["floor"] for each in priorities}["backfill"] == 0.25
    assert main(command(account, tmp_path, "quota", "--floor=nightly=0.2")) == 1
    assert "error: a floor is a share from 0 to 0.5" in capsys.readouterr().err


@pytest.mark.parametrize("floor", ["backfill", "nobody=0.1", "backfill=much"])
def test_a_wrong_floor_is_refused_with_its_form(floor, capsys):
    with pytest.raises(SystemExit):
        main(["quota", f"--floor={floor}"])
    assert "error: argument --floor" in capsys.readouterr().err


def test_what_was_spent_is_counted_shown_and_recorded_also_by_a_store_that_knows_nobody(
    tmp_path, account, capsys
):
    spent = ["--spent=day=9000", "--spent=run:night=40"]
    assert main(command(account, tmp_path, "quota", *spent)) == 0
    said = capsys.readouterr().out
    assert "day: at least 9,000 calls count" in said
    assert "run night: at least 40 calls count" in said
    assert "no run has ever used this account there" in said
    assert main(command(account, tmp_path, "quota", "--json")) == 0
    windows = {each["kind"]: each["calls"] for each in json.loads(capsys.readouterr().out)["windows"]}
    assert windows == {"day": 9000, "month": 9000, "run": 40}
    assert main(command(account, tmp_path, "quota", "--orders")) == 0
    assert "spent" in capsys.readouterr().out
    write_pairs(night_in(tmp_path).source, 3)
    assert main(command(account, tmp_path, "run", "--budget-calls-per-day=9000")) == 75
    assert account.meter()["billed"] == 0


@pytest.mark.parametrize(
    "spent", ["day", "day=", "day=-1", "week=3", "run=3", "run:=3", "day:x=3", "day=1e3"]
)
def test_a_wrong_spent_budget_is_refused_with_its_form(spent, capsys):
    with pytest.raises(SystemExit):
        main(["quota", f"--spent={spent}"])
    assert "give one such as day=90000" in capsys.readouterr().err


def test_status_shows_bars_the_time_left_and_the_money_of_a_running_run(tmp_path, account, capsys):
    write_pairs(night_in(tmp_path).source, 400)
    process = start(account, tmp_path)
    wait_for_calls(account, 60)
    wait_until(lambda: any(tmp_path.rglob("segment-*.jsonl")), "the first file of the journal")
    assert main(command(account, tmp_path, "status")) == 0
    process.kill()
    process.communicate()
    shown = capsys.readouterr().out
    assert "of 400 done" in shown
    assert "━" in shown
    assert "calls/s, time left 0:00:" in shown
    assert "published: nothing yet" in shown


def test_without_the_account_status_shows_what_the_journals_know(tmp_path, account, capsys, monkeypatch):
    write_pairs(night_in(tmp_path).source, 3)
    assert main(command(account, tmp_path, "run", "--calls-in-flight=2")) == 0
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
    capsys.readouterr()
    assert main(command(account, tmp_path, "status")) == 0
    assert "3 of 3 done, 3 scored, 0 failed" in capsys.readouterr().out
    assert main(command(account, tmp_path, "quota")) == 2
    assert "set TENCENTCLOUD_SECRET_ID in the environment" in capsys.readouterr().err


def test_a_run_stops_at_its_budget_and_goes_on_with_a_larger_one(tmp_path, account, capsys):
    run = night_in(tmp_path)
    write_pairs(run.source, 30)
    assert main(command(account, tmp_path, "run", "--budget-calls=12")) == 75
    assert "the budget of the run cli__" in (said := capsys.readouterr().err)
    assert "give a larger budget" in said
    assert 12 - RUN <= account.meter()["billed"] <= 12
    assert main(command(account, tmp_path, "run", "--budget-calls=12")) == 75
    assert account.meter()["billed"] <= 12
    assert main(command(account, tmp_path, "run", "--budget-cny=1")) == 0
    assert account.meter()["paid_again"] == 0
    assert len(outcomes_of(run)) == 30


def test_a_spent_day_says_until_when_and_with_wait_it_is_waited_for(tmp_path, account, capsys):
    write_pairs(night_in(tmp_path).source, 30)
    assert main(command(account, tmp_path, "run", "--budget-calls-per-day=10")) == 75
    assert "UTC to go on, or with --wait" in capsys.readouterr().err
    process = start(account, tmp_path, "--budget-cny-per-month=0.032", "--wait")
    assert process.stdout is not None
    assert any("waiting" in line for line in process.stdout)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, "stopped while waiting" in output) == (130, True)
    assert 10 - RUN <= account.meter()["billed"] <= 10


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--budget-calls=0", "option --budget-calls: '0' is not a whole number from 1"),
        ("--budget-calls=1.5", "option --budget-calls: '1.5' is not a whole number from 1"),
        ("--budget-cny-per-day=much", "option --budget-cny-per-day: 'much' is not an amount from 0.01"),
        ("--time-zone=Mars/Base", "option --time-zone: 'Mars/Base' is not the name of a time zone"),
        ("--call-timeout=10s", "option --call-timeout: '10s' is not a number of seconds above 5"),
    ],
)
def test_a_wrong_budget_names_itself(tmp_path, account, capsys, option, message):
    assert main(command(account, tmp_path, "run", option)) == 2
    assert message in capsys.readouterr().err


def test_budgets_of_the_account_may_come_from_the_environment(tmp_path, account, capsys, monkeypatch):
    monkeypatch.setenv("MASKMATCH_BUDGET_CALLS_PER_MONTH", "4")
    write_pairs(night_in(tmp_path).source, 10)
    assert main(command(account, tmp_path)) == 75
    assert "the budget of the month" in capsys.readouterr().err
    assert 1 <= account.meter()["billed"] <= 4
