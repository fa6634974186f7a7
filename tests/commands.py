"""The command line as a user types it, in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.account import LocalAccount
from tests.nights import DAY
from tests.waiting import wait_until


def command(local: LocalAccount, folder: Path, name: str = "run", *more: str) -> list[str]:
    """Return the words of a command about the date whose folders and permit store lie in a folder."""
    both = ("source", "warehouse")
    places = {"status": ("warehouse",), "run": both, "plan": both, "redrive": both}
    where = [f"--{place}=file://{folder}/{place}" for place in places.get(name, ())]
    date = [f"--date={DAY}"] if where else []
    asks = (
        [f"--endpoint={local.account.endpoint}", "--protocol=http"]
        if name in ("run", "plan", "redrive")
        else []
    )
    budget = ["--budget-calls-per-day=none"] if name in ("run", "redrive") else []
    permits = [
        f"--calls-per-second={local.account.calls_per_second}",
        f"--permit-store=sqlite:///{folder}/permits.sqlite3",
    ]
    return [name, *date, *where, *asks, *budget, *permits, *more]


def start(local: LocalAccount, folder: Path, *more: str, name: str = "run") -> subprocess.Popen[str]:
    """Start a command; `run` with 8 calls in flight."""
    environment = os.environ | {
        "TENCENTCLOUD_SECRET_ID": local.account.secret_id,
        "TENCENTCLOUD_SECRET_KEY": local.account.secret_key,
    }
    threads = ["--calls-in-flight=8"] if name == "run" else []
    words = [sys.executable, "-m", "maskmatch.cli.__main__", *command(local, folder, name, *threads, *more)]
    return subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for_calls(local: LocalAccount, count: int) -> None:
    """Return when the service has billed so many calls."""
    wait_until(lambda: local.meter()["billed"] >= count, f"{count} calls at the service")


def complete_in_spite_of_kills(local: LocalAccount, folder: Path, *, after: Sequence[int]) -> None:
    """Run the command, killed (-9) each time so many calls were billed in all, until it ends by itself."""
    for count in after:
        process = start(local, folder)
        wait_for_calls(local, count)
        process.kill()
        process.communicate()
    process = start(local, folder)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output
