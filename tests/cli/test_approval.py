"""Approval on the command line: at a real terminal, by --approve, and without either."""

import os
import pty
import select
import subprocess
import sys

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.pipeline.plan import make_plan
from tests.account import local_account
from tests.commands import command
from tests.nights import night_in, outcomes_of, write_pairs

pytestmark = pytest.mark.server

LIMIT = "--approval-cost-limit=0.02"


@pytest.fixture
def local(monkeypatch):
    with local_account() as found:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", found.account.secret_id)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", found.account.secret_key)
        yield found


@pytest.fixture
def run(tmp_path):
    found = night_in(tmp_path)
    write_pairs(found.source, 12)
    return found


def at_a_terminal(words, answer):
    """Run a command at a terminal of its own, type an answer when it asks; return status and what it said."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "maskmatch.cli.__main__", *words],
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    said = b""
    with process:
        while select.select([leader], [], [], 60)[0]:
            try:
                said += os.read(leader, 65536)
            except OSError:  # all of the terminal's other end is closed
                break
            if answer is not None and b"anything else rejects it: " in said:
                os.write(leader, answer.encode() + b"\n")
                answer = None
    os.close(leader)
    return process.returncode, said.decode()


@pytest.mark.parametrize("answer", ["y", "the digest"])
def test_a_person_at_the_terminal_sees_the_forecast_and_approves(local, run, tmp_path, answer):
    digest = make_plan(run).digest
    typed = digest[:8] if answer == "the digest" else answer
    status, said = at_a_terminal(command(local, tmp_path, "run", LIMIT), typed)
    assert status == 0, said
    assert f"Plan {digest} makes 12 calls for at most CNY 0.04, more than the limit of 0.02" in said
    assert "what if package of 500 calls/s for 1 day" in said
    assert "(maskmatch run, terminal)" in said
    assert (local.meter()["billed"], len(outcomes_of(run))) == (12, 12)


@pytest.mark.parametrize("answer", ["n", "", "yess", "00000000"])
def test_any_other_answer_rejects_and_calls_nothing(local, run, tmp_path, answer):
    status, said = at_a_terminal(command(local, tmp_path, "run", LIMIT), answer)
    assert (status, local.meter()["billed"]) == (1, 0)
    assert "was rejected by" in said
    assert not list(run.warehouse.list("outcomes/"))


def test_without_a_terminal_it_refuses_with_the_cure_and_goes_on_with_it(local, run, tmp_path, capsys):
    digest = make_plan(run).digest
    assert main(command(local, tmp_path, "run", LIMIT)) == 1
    assert f"On the command line give --approve {digest}" in capsys.readouterr().err
    assert main(command(local, tmp_path, "run", LIMIT, "--approve=0123456789ab")) == 1
    assert f"'0123456789ab' is not the plan's digest, which is {digest}" in capsys.readouterr().err
    assert local.meter()["billed"] == 0
    assert main(command(local, tmp_path, "run", LIMIT, f"--approve={digest[:8]}")) == 0
    assert local.meter()["billed"] == 12


def test_an_approval_stands_for_its_plan_and_not_for_a_changed_one(local, run, tmp_path, capsys):
    words = command(local, tmp_path, "run", LIMIT, "--budget-calls=4", f"--approve={make_plan(run).digest}")
    assert main(words) == 75
    assert main(command(local, tmp_path, "run", LIMIT)) == 0
    write_pairs(run.source, 20)
    assert main(command(local, tmp_path, "run", LIMIT)) == 1
    assert "nobody has approved it" in capsys.readouterr().err


def test_the_default_limit_asks_nobody_for_a_small_date(local, run, tmp_path):
    assert main(command(local, tmp_path, "run")) == 0
    assert local.meter()["billed"] == 12
