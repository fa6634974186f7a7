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
from contextlib import ExitStack
from pathlib import Path

from benchmarks.account import account_of
from benchmarks.dataset import DAY, write_dataset
from benchmarks.engine.shards import cut
from benchmarks.process_tree import ProcessTree
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
IDLE = 0.1
"""A larger share of the processors means that they are not what limits."""
GOALS = {"paid_again": ("<=", 0), "least_use_unless_busy": (">=", 0.95)}


def run(quick: bool) -> dict[str, float]:
    """Measure each rate with each number of processes, 30 s each; quick: two of them, 12 s each."""
    cells, seconds = (QUICK_CELLS, QUICK_SECONDS) if quick else (CELLS, SECONDS)
    figures: dict[str, float] = {"processors": os.cpu_count() or 0, "paid_again": 0}
    uses = [1.0]
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # Postgres does not run as root
        with Postgres(Path(name) / "postgres") as postgres:
            for rate, processes in cells:
                home = Path(name) / f"{rate}-{processes}"
                measured = _measure(home, postgres, rate=rate, processes=processes, seconds=seconds)
                figures["paid_again"] += measured.pop("paid_again")
                if measured["idle"] > IDLE:
                    uses.append(measured["use"])
                print(f"{rate}/s, {processes} processes: {measured}", flush=True)
                figures |= {f"{rate}/s_{processes}_{what}": figure for what, figure in measured.items()}
    return figures | {"least_use_unless_busy": min(uses)}


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
        pids = {"tries": [each.supervisor for each in tries], "service": [service.pid]}
        pids["postgres"] = [postgres.pid]
        trees = {name: ProcessTree(*each, with_ancestors=True) for name, each in pids.items()}
        with ExitStack() as watched:
            for one in tries:
                watched.callback(one.stop)
            for tree in trees.values():
                watched.enter_context(tree)
            codes = [each.wait() for each in tries]
        meter = service.meter(with_calls=True)
    if any(codes) or meter["distinct_billed_pairs"] != pairs:
        raise RuntimeError(f"the tries ended with {codes}: {meter['distinct_billed_pairs']} pairs billed")
    return _figures(meter, trees, rate=rate)


def _figures(meter: dict[str, object], trees: dict[str, ProcessTree], *, rate: int) -> dict[str, float]:
    calls: list[dict[str, float]] = meter["calls"]  # type: ignore[assignment]
    times = sorted(call["at"] for call in calls if call["pair"])
    start, end = times[len(times) // 5], times[len(times) * 4 // 5]
    per_second = (len(times) * 4 // 5 - len(times) // 5) / (end - start)
    thousands = (len(times) * 4 // 5 - len(times) // 5) / 1000
    cost = {name: round(tree.seconds(start, end) / thousands, 2) for name, tree in trees.items()}
    return {
        "use": round(per_second / rate, 4),
        **{f"cpu_seconds_per_1000_pairs_of_{name}": each for name, each in cost.items()},
        "idle": round(trees["tries"].idle_share(start, end), 3),
        "throttled": meter["throttled"],  # type: ignore[dict-item]
        "paid_again": meter["paid_again"],  # type: ignore[dict-item]
    }


if __name__ == "__main__":
    sys.exit(main("large_accounts", __doc__, run, GOALS))
