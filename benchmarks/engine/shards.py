"""Shards of given sizes, compared without Airflow: all in files, one try of a task for each."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa

from benchmarks.account import account_of
from benchmarks.dataset import DAY, write_dataset
from benchmarks.tries import TaskTry, Work
from devstack.service import LocalService
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan, Shard
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore, Store
from maskmatch.storage.pair_columns import PLANNED_COLUMNS
from maskmatch.storage.spools import ParquetFile

SKEWED = (300, 300, 300, 1500)
_BEFORE_KILL_SECONDS = 4.0
_BACK_SECONDS = 0.25
_AFTER_SECONDS = 1.0
_ANSWERED_SECONDS = 0.5
"""Until what was accepted is answered: the meter lists calls that have ended."""


def skewed_figures(home: Path, service: LocalService, *, calls_per_second: int) -> dict[str, float]:
    """Return how long shards of very different sizes take together, against what the rate allows."""
    with _comparing(home / "skewed", service, SKEWED, calls_per_second=calls_per_second) as tries:
        codes = [task_try.wait() for task_try in tries]
    meter = service.meter()
    if any(codes) or meter["distinct_billed_pairs"] != sum(SKEWED):
        raise RuntimeError(f"the tries ended with {codes}: {meter['distinct_billed_pairs']} pairs billed")
    span = meter["last_accepted_at"] - meter["first_accepted_at"]
    return {"skewed_makespan_ratio": round(span * calls_per_second / (sum(SKEWED) - 1), 4)}


def kill_figures(home: Path, service: LocalService, *, calls_per_second: int, name: str) -> float:
    """Kill half of the tasks; return the share of the rate in the second that begins 0.25 s later."""
    sizes = [3 * calls_per_second] * 4
    with _comparing(home / name, service, sizes, calls_per_second=calls_per_second) as tries:
        while service.meter()["accepted"] < calls_per_second * _BEFORE_KILL_SECONDS:
            time.sleep(0.1)
        for task_try in tries[: len(tries) // 2]:
            os.kill(task_try.task or task_try.supervisor, signal.SIGKILL)
        back = time.time() + _BACK_SECONDS
        time.sleep(_BACK_SECONDS + _AFTER_SECONDS + _ANSWERED_SECONDS)
        accepted = [call["at"] for call in service.meter(with_calls=True)["calls"]]
    after = [at for at in accepted if back <= at < back + _AFTER_SECONDS]
    return len(after) / (calls_per_second * _AFTER_SECONDS)


@contextmanager
def _comparing(
    home: Path, service: LocalService, sizes: Sequence[int], *, calls_per_second: int
) -> Iterator[list[TaskTry]]:
    run = _run_of(home, sum(sizes))
    plan = cut(run, make_plan(run), sizes)
    work = Work(
        source=run.source.uri,
        warehouse=run.warehouse.uri,
        plan=plan.folder,
        account=account_of(service, calls_per_second=calls_per_second),
        permit_store=f"sqlite:///{home}/permits.sqlite3",
        logs=home,
    )
    service.reset_meter()
    tries = [TaskTry(work, shard.key) for shard in plan.shards]
    try:
        yield tries
    finally:
        for task_try in tries:
            task_try.stop()


def _run_of(home: Path, pairs: int) -> Run:
    source, warehouse = FileStore(home / "in"), FileStore(home / "out")
    write_dataset(source, pairs)
    return Run(source=source, warehouse=warehouse, day=DAY, run_id="benchmark")


def cut(run: Run, plan: Plan, sizes: Sequence[int]) -> Plan:
    """Write the same plan with its pairs in shards of other sizes, and return it."""
    pairs = (pair for shard in plan.shards for pair in plans.read_shard(run.warehouse, shard.key))
    shards = []
    for number, size in enumerate(sizes):
        key = f"{plan.folder}/cut-{number:05d}.parquet"
        _write_shard(run.warehouse, key, list(islice(pairs, size)))
        shards.append(Shard(key, size))
    run.warehouse.delete(f"{plan.folder}/plan.json")
    return plans.write_plan(run.warehouse, replace(plan, shards=tuple(shards)))


def _write_shard(store: Store, key: str, pairs: Sequence[tuple[int, Pair]]) -> None:
    records = [{"call_order": order} | asdict(pair) for order, pair in pairs]
    file = ParquetFile(PLANNED_COLUMNS)
    file.append(pa.Table.from_pylist(records, PLANNED_COLUMNS))
    file.finish(lambda path: store.put_file(key, path))
