"""What runs out first when an account may make 300 to 2,000 calls a second.

Tries of tasks as processes compare a date of small images in files at one rate, with the permit store in
Postgres and a service that answers after 120 ms, all on this machine. Of the middle of each run, from a fifth
of the accepted calls to four fifths: the share of the rate that was used, processor seconds for a thousand
pairs of tries, service and Postgres, and the share of all processors that had nothing to do. Where that is
near nothing the machine is the bottleneck, and the service takes its part, which a vendor's would not.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import time

import psutil

from benchmarks.account import account_of
from benchmarks.dataset import DAY, write_dataset
from benchmarks.engine.shards import cut
from benchmarks.report import main
from benchmarks.tries import TaskTry, Work
from devstack.postgres import Postgres
from devstack.service import LocalService
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore

CELLS, QUICK_CELLS = ((300, 1), (300, 2), (500, 2), (1000, 2), (1000, 4), (2000, 4)), ((300, 2), (1000, 2))
"""Calls a second, and processes."""
SECONDS, QUICK_SECONDS = 30, 12
LATENCY_MS = 120
LOOK_SECONDS = 0.25
GOALS = {"paid_again": ("<=", 0)}


@dataclass
class Look:
    """Processor seconds at a moment: of each part, and idle ones of the machine."""

    at: float
    parts: dict[str, float] = field(default_factory=dict)


class Looks(threading.Thread):
    """Looks at processor times every quarter of a second while the `with` block runs."""

    def __init__(self, parts: dict[str, Iterable[int]]) -> None:
        super().__init__(daemon=True)
        self._parts = parts
        self._end = threading.Event()
        self.seen: list[Look] = []

    def run(self) -> None:
        """Look until the end."""
        while not self._end.wait(LOOK_SECONDS):
            parts = {name: sum(map(_tree_seconds, pids)) for name, pids in self._parts.items()}
            self.seen.append(Look(time(), parts | {"idle": psutil.cpu_times().idle}))

    def stop(self) -> None:
        """Look no more."""
        self._end.set()
        self.join()

    def between(self, start: float, end: float) -> tuple[float, dict[str, float]]:
        """Return how long the looks in a span lie apart, and what each part took meanwhile."""
        inside = [look for look in self.seen if start <= look.at <= end]
        first, last = inside[0], inside[-1]
        return last.at - first.at, {name: last.parts[name] - first.parts[name] for name in first.parts}


def run(quick: bool) -> dict[str, float]:
    """Measure each rate with each number of processes, 30 s each; quick: two of them, 12 s each."""
    cells, seconds = (QUICK_CELLS, QUICK_SECONDS) if quick else (CELLS, SECONDS)
    figures: dict[str, float] = {"processors": os.cpu_count() or 0, "paid_again": 0}
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # Postgres does not run as root
        with Postgres(Path(name) / "postgres") as postgres:
            for rate, processes in cells:
                home = Path(name) / f"{rate}-{processes}"
                measured = _measure(home, postgres, rate=rate, processes=processes, seconds=seconds)
                figures["paid_again"] += measured.pop("paid_again")
                print(f"{rate}/s, {processes} processes: {measured}", flush=True)
                figures |= {f"{rate}/s_{processes}_{what}": figure for what, figure in measured.items()}
    return figures


def _measure(home: Path, postgres: Postgres, *, rate: int, processes: int, seconds: int) -> dict[str, float]:
    pairs = rate * seconds // processes * processes
    source, warehouse = FileStore(home / "in"), FileStore(home / "out")
    write_dataset(source, pairs)
    mine = Run(source=source, warehouse=warehouse, day=DAY, run_id="benchmark")
    plan = cut(mine, make_plan(mine), [pairs // processes] * processes)
    with LocalService(
        home / "service", scores="hash", calls_per_second=rate, latency_ms=LATENCY_MS
    ) as service:
        work = Work(
            source=source.uri,
            warehouse=warehouse.uri,
            plan=plan.folder,
            account=account_of(service, calls_per_second=rate),
            permit_store=postgres.uri,
            logs=home,
        )
        tries = [TaskTry(work, shard.key) for shard in plan.shards]
        looks = Looks(
            {
                "tries": [each.supervisor for each in tries],
                "service": [service.pid],
                "postgres": [postgres.pid],
            }
        )
        looks.start()
        try:
            codes = [each.wait() for each in tries]
        finally:
            looks.stop()
            for each in tries:
                each.stop()
        meter = service.meter(with_calls=True)
    if any(codes) or meter["distinct_billed_pairs"] != pairs:
        raise RuntimeError(f"the tries ended with {codes}: {meter['distinct_billed_pairs']} pairs billed")
    return _figures(meter, looks, rate=rate)


def _figures(meter: dict[str, object], looks: Looks, *, rate: int) -> dict[str, float]:
    calls: list[dict[str, float]] = meter["calls"]  # type: ignore[assignment]
    times = sorted(call["at"] for call in calls if call["pair"])
    start, end = times[len(times) // 5], times[len(times) * 4 // 5]
    took, parts = looks.between(start, end)
    per_second = (len(times) * 4 // 5 - len(times) // 5) / (end - start)
    cost = {
        name: round(1000 * parts[name] / (per_second * took), 2) for name in ("tries", "service", "postgres")
    }
    return {
        "use": round(per_second / rate, 4),
        **{f"cpu_seconds_per_1000_pairs_of_{name}": each for name, each in cost.items()},
        "idle": round(parts["idle"] / (took * (os.cpu_count() or 1)), 3),
        "throttled": meter["throttled"],  # type: ignore[dict-item]
        "paid_again": meter["paid_again"],  # type: ignore[dict-item]
    }


def _tree_seconds(pid: int) -> float:
    """Return what a process and those below it have taken, 0 for one that is gone."""
    total = 0.0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for each in family:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


if __name__ == "__main__":
    sys.exit(main("large_accounts", __doc__, run, GOALS))
