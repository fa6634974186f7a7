"""A worker whose disk is full: what cannot be kept is not paid for, and nothing is paid twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.account import local_account
from tests.commands import command, wait_for_calls
from tests.nights import night_in, write_pairs
from tests.waiting import wait_until

pytestmark = pytest.mark.server

PAIRS = 300
ALONE = ["unshare", "--user", "--map-root-user", "--mount"]
"""In a space of mounts of its own, which ends with the process."""


@pytest.fixture(autouse=True)
def may_mount(tmp_path):
    try:
        tried = subprocess.run(
            [*ALONE, "mount", "-t", "tmpfs", "none", tmp_path], check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted: {tried.stderr.strip()}")


def start_on_small_disk(local, folder, disk: Path, **variables):
    """Start a run for which a folder is a disk of 2 MB."""
    disk.mkdir(exist_ok=True)
    keys = {
        "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
        "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
    }
    shell = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    run = command(local, folder, "run", "--calls-in-flight=8")
    return subprocess.Popen(
        [*ALONE, "sh", "-c", shell, disk, sys.executable, "-m", "maskmatch.cli.__main__", *run],
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


def test_a_warehouse_that_is_full_in_the_middle_is_waited_for_and_nothing_is_paid_twice(tmp_path):
    write_pairs(night_in(tmp_path).source, PAIRS)
    warehouse = tmp_path / "warehouse"
    with local_account(latency_ms=30) as local:
        process = start_on_small_disk(local, tmp_path, warehouse)
        wait_for_calls(local, PAIRS // 3)
        ballast = Path(f"/proc/{process.pid}/root{warehouse}/ballast")
        fill(ballast)
        assert process.stdout is not None
        assert any("No space left on device" in line for line in process.stdout)
        while_full = local.meter()["billed"]
        ballast.unlink()
        said, _ = process.communicate(timeout=100)
        meter = local.meter()
    assert process.returncode == 0, said
    assert while_full < PAIRS
    assert (meter["distinct_billed_pairs"], meter["paid_again"]) == (PAIRS, 0)


def fill(file: Path) -> None:
    """Write until nothing fits any more."""

    def is_full() -> bool:
        try:
            with file.open("ab", buffering=0) as ballast:
                while ballast.write(bytes(4096)) == 4096:
                    pass
        except OSError:
            return True
        return False

    wait_until(is_full, "a full disk")
