"""Whether 64 threads of 8 processes that race for one budget ever spend more than it, or leave some of it.

A tenth of the calls is not billed, and its budget given back. The stand-in gateway says what was billed. Our
coordinator in SQLite, Redis and Postgres, with a budget of calls and with one of money; side by side the best
library limiter in Redis, with the budget as its rate of a day, and a shared file that all look into before
they send and add to afterwards.
"""

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quota.gateway import Gateway, running
from benchmarks.quota.race import ACCOUNT, BILLED, Race, run_race
from benchmarks.report import main
from devstack.postgres import Postgres
from devstack.redis import Redis
from maskmatch.core.clock import SystemClock
from maskmatch.core.pricing import PRICE_PER_CALL
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget

CALLS, QUICK_CALLS = 2000, 500
PROCESSES, THREADS = 8, 8
"""CNY for a call of a month that has few. Source: https://cloud.tencent.com/document/product/867/17640"""
OURS = ("sqlite", "sqlite_money", "redis", "redis_money", "postgres", "postgres_money")
GOALS = {
    f"{name}_{figure}": ("<=", 0.0) for name in OURS for figure in ("overshoot", "left_over", "books_differ")
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Who races: the name in the figures, the limiter, its store, and whether the budget is one of money."""

    name: str
    limiter: str
    store: str
    is_money: bool = False


def run(quick: bool) -> dict[str, float]:
    """Race for 2,000 calls (quick: 500, and no money) and return what was billed beyond and below."""
    calls = QUICK_CALLS if quick else CALLS
    figures: dict[str, float] = {"budget_calls": calls, "workers": PROCESSES * THREADS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        Path(folder).chmod(0o755)  # Postgres may run as another user
        for entry in _entries(Path(folder), servers):
            if not (quick and entry.is_money):
                found = _race(entry, calls)
                figures |= {f"{entry.name}_{figure}": value for figure, value in found.items()}
    return figures


def _entries(folder: Path, servers: ExitStack) -> Iterator[Entry]:
    redis = servers.enter_context(Redis(folder / "redis"))
    postgres = servers.enter_context(Postgres(folder / "postgres"))
    stores = {"sqlite": f"sqlite:///{folder}/permits.sqlite3", "redis": redis.uri, "postgres": postgres.uri}
    for name, uri in stores.items():
        yield Entry(name, "permit_store", uri)
        yield Entry(f"{name}_money", "permit_store", uri, is_money=True)
    yield Entry("pyrate_redis", "pyrate-redis", redis.uri)
    counter = folder / "counter"
    counter.write_text("0")
    yield Entry("counter_file", "counter-file", f"{counter}")


def _race(entry: Entry, calls: int) -> dict[str, float]:
    gateway = Gateway(quota=math.inf, latency_seconds=0.01, jitter_seconds=0.001, stalls=0)
    with running(gateway) as (port, ledger):
        started = time.monotonic()
        race = Race(
            limiter=entry.limiter,
            store=entry.store,
            port=port,
            budget=Budget(cny=calls * PRICE_PER_CALL) if entry.is_money else Budget(calls=calls),
            calls=calls,
            threads=THREADS,
            run_id=entry.name,
        )
        run_race(race, processes=PROCESSES)
        seconds = time.monotonic() - started
        billed = ledger.books().accepted_of.count(BILLED)
    figures = {"overshoot": max(0, billed - calls), "left_over": max(0, calls - billed)}
    if entry.limiter == "permit_store":
        figures["books_differ"] = abs(_spent(entry) - billed)
    return figures | {"seconds": round(seconds, 2)}


def _spent(entry: Entry) -> int:
    """Return what the coordinator's own books say."""
    coordinator = open_coordinator(
        entry.store, secret_id=ACCOUNT, calls_per_second=math.inf, clock=SystemClock()
    )
    with closing(coordinator):
        windows = coordinator.snapshot().windows
    return next(window.calls for window in windows if (window.kind, window.name) == ("run", entry.name))


if __name__ == "__main__":
    sys.exit(main("budget_race", __doc__, run, GOALS))
