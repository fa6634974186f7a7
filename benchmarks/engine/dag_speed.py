"""How near the nightly Dag comes to the rate in a real Airflow, and what its tasks cost in processor time.

5,000 pairs at 200 calls a second, images of a few bytes in files (and once more: as public URLs), journal and
tables in S3, permits in SQLite, one shard, a service that answers after 120 ms: the time from the first to
the last accepted call, by the service's meter, against what the rate needs for as many; and the processor
time of all processes below the scheduler, from the first to the last accepted call and (`whole_task`) with
the start and end of the task. Beside it, with the same pairs and service,
the vendor's SDK in a thread pool with tenacity and a limiter in the process, and the same in four processes
with the best library limiter, in Redis. Then, without Airflow and with all in files, four processes: shards
of very different sizes, and the rate after half of the processes are killed.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.account import account_of
from benchmarks.dataset import DAY, pairs_of, write_dataset
from benchmarks.engine.shards import kill_figures, skewed_figures
from benchmarks.plain_client import PlainClient, compare_rest
from benchmarks.process_tree import ProcessTree
from benchmarks.report import main
from benchmarks.tries import CONTEXT
from devstack.airflow import AirflowStack
from devstack.connections import connections
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore

DAG = "nightly_comparison"
PAIRS, QUICK_PAIRS = 5000, 1000
CALLS_PER_SECOND, LATENCY_MS = 200, 120
THREADS, PROCESSES = 64, 4
KILLS, QUICK_KILLS = 5, 1
RUN_SECONDS = 300
GOALS = {
    "airflow_span_ratio": ("<=", 1.02),
    "airflow_cpu_seconds_per_1000_pairs": ("<=", 1.0),
    "airflow_with_urls_span_ratio": ("<=", 1.02),
    "airflow_with_urls_cpu_seconds_per_1000_pairs": ("<=", 1.0),
    "airflow_paid_again": ("<=", 0),
    "skewed_makespan_ratio": ("<=", 1.03),
    "rate_after_kill": (">=", 0.95),
}


def run(quick: bool) -> dict[str, float]:
    """Run all parts one after the other and return their figures."""
    pairs, kills = (QUICK_PAIRS, QUICK_KILLS) if quick else (PAIRS, KILLS)
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder) / "service") as service:
        home = Path(folder)
        source = FileStore(home / "in")
        write_dataset(source, pairs)
        dates = {"airflow": DAY}
        if not quick:
            dates["airflow_with_urls"] = DAY + timedelta(days=1)
            write_dataset(source, pairs, day=dates["airflow_with_urls"], at="https://images.example/")
        figures = {"pairs": pairs, **_by_airflow(home, service, pairs, dates)}
        figures |= _by_plain(home, service, pairs) | _by_plain_with_redis(home, service, pairs)
        figures |= skewed_figures(home, service, calls_per_second=CALLS_PER_SECOND)
        rates = [
            kill_figures(home, service, calls_per_second=CALLS_PER_SECOND, name=f"kill{kill}")
            for kill in range(kills)
        ]
        return figures | {"rate_after_kill": statistics.median(rates), "rate_after_kill_least": min(rates)}


def _service(folder: Path) -> LocalService:
    return LocalService(folder, scores="hash", calls_per_second=CALLS_PER_SECOND, latency_ms=LATENCY_MS)


def _by_airflow(home: Path, service: LocalService, pairs: int, dates: Mapping[str, date]) -> dict[str, float]:
    """Run the Dag for these dates in one Airflow; the figures begin with the names of the dates."""
    figures: dict[str, float] = {}
    with ExitStack() as running:
        store = running.enter_context(Seaweed(home / "s3"))
        facts = connections(
            store, service, permit_store=home / "permits.sqlite3", calls_per_second=CALLS_PER_SECOND
        )
        stack = AirflowStack(home / "airflow", connections=facts, follows_schedules=False)
        airflow = running.enter_context(stack)
        airflow.wait_for_dag(DAG)
        airflow.unpause(DAG)
        descendants = running.enter_context(ProcessTree(airflow.pids["scheduler"]))
        for name, day in dates.items():
            service.reset_meter()
            task = _compare_task(airflow, day, source=f"file://{home}/in")
            figures |= _figures(name, service, pairs, descendants.seconds(*_first_and_last(service)))
            whole = descendants.seconds(_time(task["start_date"]), _time(task["end_date"]))
            figures[f"{name}_whole_task_cpu_seconds_per_1000_pairs"] = round(1000 * whole / pairs, 2)
    return figures


def _compare_task(airflow: AirflowStack, day: date, *, source: str) -> dict[str, Any]:
    """Run the Dag for a date; return the one task instance that compared."""
    when = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    conf = {"source": source, "warehouse": "s3://maskmatch/out", "max_shards": 1}
    run_id = airflow.trigger(DAG, when, conf)
    state = airflow.wait(DAG, run_id, seconds=RUN_SECONDS)
    tasks = [task for task in airflow.task_instances(DAG, run_id) if task["task_id"] == "compare"]
    if state != "success" or len(tasks) != 1 or tasks[0]["try_number"] != 1:
        raise RuntimeError(f"the run ended as {state}, with {len(tasks)} compare tasks")
    return tasks[0]


def _by_plain(home: Path, service: LocalService, pairs: int) -> dict[str, float]:
    return _by_processes("plain", service, pairs, 1, lambda number: _plain(home, service, number))


def _by_plain_with_redis(home: Path, service: LocalService, pairs: int) -> dict[str, float]:
    with Redis(home / "redis") as redis:
        return _by_processes(
            "plain_with_redis",
            service,
            pairs,
            PROCESSES,
            lambda number: _plain(home, service, number, limiter_store=redis.uri),
        )


def _plain(
    home: Path, service: LocalService, number: int, *, limiter_store: str | None = None
) -> PlainClient:
    return PlainClient(
        account=account_of(service, calls_per_second=CALLS_PER_SECOND),
        images=home / "in",
        results=home / f"{'shared' if limiter_store else 'alone'}-{number}.jsonl",
        threads=THREADS // PROCESSES if limiter_store else THREADS,
        limiter_store=limiter_store,
    )


def _by_processes(
    name: str, service: LocalService, pairs: int, processes: int, plain: Callable[[int], PlainClient]
) -> dict[str, float]:
    service.reset_meter()
    chosen = list(pairs_of(pairs))
    with ProcessPoolExecutor(processes, mp_context=CONTEXT) as pool:
        parts = [chosen[number::processes] for number in range(processes)]
        seconds = sum(pool.map(compare_rest, map(plain, range(processes)), parts))
    return _figures(name, service, pairs, seconds)


def _figures(name: str, service: LocalService, pairs: int, cpu_seconds: float) -> dict[str, float]:
    meter = service.meter(with_calls=True)
    if meter["distinct_billed_pairs"] != pairs:
        raise RuntimeError(f"{name}: {meter['distinct_billed_pairs']} of {pairs} pairs have a score")
    first, last = _first_and_last(service)
    accepted, throttled = meter["accepted"], meter["throttled"]
    return {
        f"{name}_span_ratio": round((last - first) * CALLS_PER_SECOND / (pairs - 1), 4),
        f"{name}_cpu_seconds_per_1000_pairs": round(1000 * cpu_seconds / pairs, 2),
        f"{name}_throttled_share": round(throttled / (accepted + throttled), 4),
        f"{name}_paid_again": meter["paid_again"],
    }


def _first_and_last(service: LocalService) -> tuple[float, float]:
    """Return the Unix times of the first and the last accepted call."""
    calls = service.meter(with_calls=True)["calls"]
    times = [call["at"] for call in calls if call["pair"]]  # the plan's check of the account has none
    return min(times), max(times)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    sys.exit(main("dag_speed", __doc__, run, GOALS))
