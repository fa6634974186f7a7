"""A run that the version before has begun goes on with this one, which pays for nothing again.

The version before is the newest tag, lacking one the commit some commits before this one.
"""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import closing

import pytest

from devstack.project import project_root
from maskmatch.pipeline.calling import coordinator_of
from maskmatch.pipeline.status import StatusReader
from tests.account import local_account
from tests.commands import start, wait_for_calls
from tests.nights import DAY, night_in, options_for, outcomes_of, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

COMMITS_BEFORE = 25
PAIRS = 300
IN_FLIGHT, GROUP = 8, 8


def git(*words: str) -> bytes | None:
    """Return what git says, None where it cannot."""
    try:
        said = subprocess.run(["git", "-C", project_root(), *words], check=False, capture_output=True)
    except FileNotFoundError:
        return None
    return None if said.returncode else said.stdout


def version_before() -> str | None:
    """Return what to take the version before from, None where the history is not there."""
    tag = git("describe", "--tags", "--abbrev=0", "HEAD^")
    found = git("rev-parse", "--verify", tag.decode().strip() if tag else f"HEAD~{COMMITS_BEFORE}")
    return found.decode().strip() if found else None


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The folder with the package of the version before."""
    if (version := version_before()) is None:
        pytest.skip("the history is not there (a shallow clone): no version before this one to begin with")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(git("archive", version, "plugins"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "plugins"


@pytest.fixture
def night(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, PAIRS)
    return run


def start_before(before, local, folder, *more):
    """Start a command of the version before."""
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{before}"
    try:
        return start(local, folder, *more)
    finally:
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path


def test_the_version_before_is_another_one_and_is_used(before, tmp_path):
    script = "import maskmatch; print(maskmatch.__file__)"
    environment = {**os.environ, "PYTHONPATH": f"{before}"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == f"{before}/maskmatch/__init__.py"


def paused(local, night, folder):
    """Let no call be sent any more, and return when all that were in flight are in the journals."""
    with closing(coordinator_of(options_for(local, folder))) as coordinator:
        coordinator.pause()
    time.sleep(2)  # what is promised
    status = StatusReader(night)
    wait_until(lambda: status.look().done == local.meter()["billed"], "every call in the journals")


def resumed(local, folder):
    with closing(coordinator_of(options_for(local, folder))) as coordinator:
        coordinator.resume()


def complete(local, folder):
    process = start(local, folder)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output


@pytest.mark.parametrize(
    ("how", "paid_again"),
    [("stopped", 0), ("paused and killed", 0), ("killed", IN_FLIGHT + GROUP)],
)
def test_a_run_begun_by_the_version_before_goes_on(before, night, tmp_path, how, paid_again):
    with local_account(latency_ms=30) as local:
        process = start_before(before, local, tmp_path)
        wait_for_calls(local, PAIRS // 3)
        if how == "stopped":
            process.send_signal(signal.SIGINT)
        else:
            if how.startswith("paused"):
                paused(local, night, tmp_path)
            process.kill()
        process.communicate(timeout=30)
        so_far = local.meter()["billed"]
        resumed(local, tmp_path)
        complete(local, tmp_path)
        meter = local.meter()
    assert PAIRS // 3 <= so_far < PAIRS
    assert meter["distinct_billed_pairs"] == PAIRS
    assert meter["paid_again"] <= paid_again
    table = outcomes_of(night)
    assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(PAIRS)]
    assert set(table["outcome"]) == {"scored"}


def test_both_versions_share_one_rate_and_one_budget_meanwhile(before, tmp_path):
    other = DAY.replace(day=3)
    with local_account(latency_ms=30, calls_per_second=60) as local:
        nights = {}
        for name, day in (("old", DAY), ("new", other)):
            nights[name] = night_in(tmp_path, day=day)
            write_pairs(nights[name].source, 120, day=day)
        old = start_before(before, local, tmp_path)
        new = start(local, tmp_path, f"--date={other}")
        told = [process.communicate(timeout=100)[0] for process in (old, new)]
        with closing(coordinator_of(options_for(local, tmp_path))) as coordinator:
            (day,) = (each for each in coordinator.snapshot().windows if each.kind == "day")
        meter = local.meter()
    assert (old.returncode, new.returncode) == (0, 0), told
    assert (meter["billed"], day.calls) == (240, 240)
    assert meter["throttled"] <= 5
    assert all(set(outcomes_of(each)["outcome"]) == {"scored"} for each in nights.values())
