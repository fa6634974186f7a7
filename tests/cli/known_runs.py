"""Runs that a permit store knows without anything having run."""

from contextlib import closing
from pathlib import Path

from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from tests.account import LocalAccount


def known_to_the_store(local: LocalAccount, folder: Path, *runs: str) -> None:
    """Take a permit for each of some runs at the permit store below a folder, and leave it again."""
    for number, run in enumerate(runs):
        coordinator = open_coordinator(
            f"sqlite:///{folder}/permits.sqlite3",
            secret_id=local.account.owner,
            calls_per_second=local.account.calls_per_second,
            clock=SystemClock(),
        )
        coordinator._who = f"elsewhere:{number}"
        with closing(coordinator):
            coordinator.reserve(1, Claim(run_id=run, priority=Priority.NIGHTLY))
            coordinator.release("a shard", 1)
