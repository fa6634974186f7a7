"""Disks of some MB that a process of a test has for itself, and that can be filled while it runs."""

import subprocess
from pathlib import Path

import pytest

from tests.waiting import wait_until

ALONE = ["unshare", "--user", "--map-root-user", "--mount"]
"""In a space of mounts of its own, which ends with the process."""


def need_mounts(folder: Path, alone: list[str] = ALONE) -> None:
    """Skip the test where no small disk can be mounted."""
    command = [*alone, "mount", "-t", "tmpfs", "none", f"{folder}"]
    try:
        tried = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted: {tried.stderr.strip()}")


def with_disk(
    command: list[str | Path], disk: Path, *, size: str, alone: list[str] = ALONE
) -> list[str | Path]:
    """Return a command for which a folder is an empty disk of this size, which everybody may use."""
    disk.mkdir(exist_ok=True)
    shell = f'mount -t tmpfs -o size={size},mode=0777 none "$0" && exec "$@"'
    return [*alone, "sh", "-c", shell, disk, *command]


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
