"""Disks of some MB that a process of a test has for itself, and that can be filled while it runs."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until

ALONE = ["unshare", "--user", "--map-root-user", "--mount"]
"""In a space of mounts of its own, which ends with the process."""
BY_ROOT = ["unshare", "--mount"]
_MOUNT = 'mount -t tmpfs -o size={size},mode=0777 none "$0" && exec "$@"'


def need_mounts(folder: Path, alone: Sequence[str] = ALONE) -> None:
    """Skip the test where no small disk can be mounted."""
    command = [*alone, "mount", "-t", "tmpfs", "none", f"{folder}"]
    try:
        tried = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted: {tried.stderr.strip()}")


def with_disk(command: Sequence[str | Path], disk: Path, *, size: str) -> list[str | Path]:
    """Return a command for which a folder is an empty disk of this size."""
    disk.mkdir(exist_ok=True)
    return [*ALONE, "sh", "-c", _MOUNT.format(size=size), disk, *command]


@contextmanager
def disk_of_root(disk: Path, *, size: str) -> Iterator[tuple[list[str], Path]]:
    """Yield what to put before commands for which a folder is a disk of this size, and where we see it.

    It outlives the commands.
    """
    if os.getuid():
        pytest.skip("a disk that outlives a process needs root")
    need_mounts(disk.parent, BY_ROOT)
    disk.mkdir(exist_ok=True)
    shell = f"{_MOUNT.format(size=size)}"
    command = [*BY_ROOT, "sh", "-c", shell, f"{disk}", "sh", "-c", "echo ready; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"], Path(f"/proc/{holder.pid}/root{disk}")
        finally:
            holder.kill()


def ballast_on(disk: Path, pid: int) -> Path:
    """Return a file on the disk that a process has for itself."""
    return Path(f"/proc/{pid}/root{disk}/ballast")


def fill(ballast: Path) -> None:
    """Write until nothing fits any more."""

    def is_full() -> bool:
        try:
            with ballast.open("ab", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    pass
        except OSError:
            return True
        return False

    wait_until(is_full, "a full disk")
