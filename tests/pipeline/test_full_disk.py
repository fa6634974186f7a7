"""A worker whose disk is full: what cannot be kept is not paid for, and nothing is paid twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.account import local_account
from tests.commands import command, wait_for_calls
from tests.nights import night_in, write_pairs
from tests.small_disks import ballast_on, fill, need_mounts, with_disk

pytestmark = pytest.mark.server

PAIRS = 300


@pytest.fixture(autouse=True)
def may_mount(tmp_path):
    need_mounts(tmp_path)


def start_on_small_disk(local, folder, disk: Path, *more: str, **variables):
    """Start a run for which a folder is a disk of 2 MB."""
    keys = {
        "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
        "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
    }
    run = command(local, folder, "run", "--calls-in-flight=8", *more)
    return subprocess.Popen(
        with_disk([sys.executable, "-m", "maskmatch.cli.__main__", *run], disk, size="2m"),
        env={**os.environ, **keys, **variables},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_without_room_for_temporary_files_nothing_is_called_and_the_cure_is_named(tmp_path):
    write_pairs(night_in(tmp_path).source, PAIRS)
    disk = tmp_path / "small"
    with local_account() as local:
        process = start_on_small_disk(local, tmp_path, disk, TMPDIR=f"{disk}")
        said, _ = process.communicate(timeout=60)
        billed = local.meter()["billed"]
    assert process.returncode == 1, said
    assert f"{disk} has no room for the files of a plan: free it, or let TMPDIR name a larger disk" in said
    assert billed == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("warehouse", "No space left on device"),
        ("permits", "database or disk is full; free its disk"),
    ],
)
def test_a_disk_that_is_full_in_the_middle_is_waited_for_and_nothing_is_paid_twice(tmp_path, name, says):
    write_pairs(night_in(tmp_path).source, PAIRS)
    disk = tmp_path / name
    store = f"--permit-store=sqlite:///{tmp_path}/permits/permits.sqlite3"
    with local_account(latency_ms=30) as local:
        process = start_on_small_disk(local, tmp_path, disk, store)
        wait_for_calls(local, PAIRS // 3)
        ballast = ballast_on(disk, process.pid)
        fill(ballast)
        assert process.stdout is not None
        assert any(says in line for line in process.stdout)
        while_full = local.meter()["billed"]
        ballast.unlink()
        said, _ = process.communicate(timeout=100)
        meter = local.meter()
    assert process.returncode == 0, said
    assert while_full < PAIRS
    assert (meter["distinct_billed_pairs"], meter["paid_again"]) == (PAIRS, 0)
