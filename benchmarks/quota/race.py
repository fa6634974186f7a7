"""Processes with many threads that spend one budget in a race, each behind a budget limiter of one kind.

Every call goes to the stand-in gateway, whose books say what the vendor would bill: calls of caller BILLED,
not those of caller UNBILLED.
"""

import fcntl
import math
import multiprocessing
import random
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Protocol

from benchmarks.quota.gateway import FRAME
from benchmarks.quota.permit_gate import PermitGate
from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority
from maskmatch.pipeline.task_process import die_with_parent

ACCOUNT = "bench"
BILLED, UNBILLED = 1, 2
_PATIENCE_SECONDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """So many threads call until the budget is spent, and again with what was given back, in rounds.

    In all rounds but the last a share of the calls is not billed.
    `limiter` is one of LIMITERS; `store` the address of what the processes share.
    """

    limiter: str
    store: str
    port: int
    budget: Budget
    calls: int
    threads: int
    run_id: str = "race"
    rounds: int = 3
    unbilled_share: float = 0.1


class BudgetLimiter(Protocol):
    """Keeps one process to the budget."""

    def take(self) -> bool:
        """Return True if one more call may be sent."""
        ...

    def settle(self, *, billed: bool) -> None:
        """Record whether a call was billed."""
        ...

    def close(self) -> None:
        """End a round."""
        ...


class CoordinatorLimiter:
    """Our own: permits of the coordinator."""

    def __init__(self, race: Race) -> None:
        clock = SystemClock()
        coordinator = open_coordinator(race.store, secret_id=ACCOUNT, calls_per_second=math.inf, clock=clock)
        claim = Claim(run_id=race.run_id, priority=Priority.NIGHTLY, budgets=Budgets(run=race.budget))
        self._pacer = Pacer(coordinator, claim, calls_per_second=math.inf, clock=clock)
        self._gate = PermitGate(self._pacer)

    def take(self) -> bool:
        """Wait for a permit."""
        try:
            self._gate.wait()
        except BudgetSpent:
            return False
        return True

    def settle(self, *, billed: bool) -> None:
        """Give back what was not billed."""
        if not billed:
            self._pacer.unbilled()

    def close(self) -> None:
        """Give back what is still to be given back."""
        self._pacer.close()


class PyrateLimiter:
    """A library limiter whose rate is the budget of a day; it cannot give back."""

    def __init__(self, race: Race) -> None:
        import redis  # noqa: PLC0415 - only this limiter needs it
        from pyrate_limiter import Duration, Limiter, Rate, RedisBucket  # noqa: PLC0415

        server = redis.Redis.from_url(race.store)
        bucket = RedisBucket.init([Rate(race.calls, Duration.DAY)], server, "bench-budget")
        self._limiter = Limiter(bucket)

    def take(self) -> bool:
        """Ask the library."""
        return bool(self._limiter.try_acquire("calls", blocking=False))

    def settle(self, *, billed: bool) -> None:
        """Do nothing: what was taken stays taken."""

    def close(self) -> None:
        """Do nothing."""


class CounterFileLimiter:
    """What people write first: look at what was spent, send, add it up. Adding is under a lock."""

    def __init__(self, race: Race) -> None:
        self._path = Path(race.store)
        self._calls = race.calls

    def take(self) -> bool:
        """Look."""
        return int(self._path.read_text() or 0) < self._calls

    def settle(self, *, billed: bool) -> None:
        """Add what was billed."""
        with self._path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            spent = int(file.read() or 0) + billed
            file.seek(0)
            file.write(str(spent))

    def close(self) -> None:
        """Do nothing."""


LIMITERS: dict[str, type[CoordinatorLimiter | PyrateLimiter | CounterFileLimiter]] = {
    "permit_store": CoordinatorLimiter,
    "pyrate-redis": PyrateLimiter,
    "counter-file": CounterFileLimiter,
}


def run_race(race: Race, *, processes: int) -> None:
    """Let so many processes race to the end; raise ChildProcessError when one fails."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes, timeout=_PATIENCE_SECONDS)
    racers = [context.Process(target=_race, args=(race, barrier), daemon=True) for _ in range(processes)]
    for racer in racers:
        racer.start()
    try:
        for racer in racers:
            racer.join(2 * _PATIENCE_SECONDS)
    finally:
        codes = [racer.exitcode for racer in racers]
        for racer in racers:
            racer.kill()
            racer.join()
    if any(codes):
        raise ChildProcessError(f"the racers of {race.limiter} ended with {codes}")


def _race(race: Race, barrier: Barrier) -> None:
    die_with_parent()
    limiter = LIMITERS[race.limiter](race)
    connections = [socket.create_connection(("127.0.0.1", race.port)) for _ in range(race.threads)]
    for number in range(race.rounds):
        share = race.unbilled_share if number < race.rounds - 1 else 0.0
        barrier.wait()
        _run_round(limiter, connections, share)
        limiter.close()
        barrier.wait()


def _run_round(limiter: BudgetLimiter, connections: Sequence[socket.socket], unbilled_share: float) -> None:
    threads = [threading.Thread(target=_spend, args=(limiter, each, unbilled_share)) for each in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _spend(limiter: BudgetLimiter, connection: socket.socket, unbilled_share: float) -> None:
    while limiter.take():
        billed = random.random() >= unbilled_share  # noqa: S311 - no secret depends on it
        connection.sendall(FRAME.pack(BILLED if billed else UNBILLED, 0))
        connection.recv(16)
        limiter.settle(billed=billed)
