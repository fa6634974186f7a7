"""What a night under kill -9 is judged by, with an Airflow and without: its servers, its books, its goals."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _books import books_of, table_figures
from _night import DAY, Expected

from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore, open_store

CALLS_PER_SECOND, LATENCY_MS = 100, 50
CALLS_IN_FLIGHT = 16
GROUP = CALLS_IN_FLIGHT
"""Outcomes that a journal holds at most before they are durable."""
SEED = 20260101
WAREHOUSE = "s3://maskmatch/out"
GOALS = {
    "lost": ("<=", 0),
    "doubled_rows": ("<=", 0),
    "wrong_scores": ("<=", 0),
    "unlisted_of_bound": ("<=", 1),
    "entered_not_billed": ("<=", 0),
    "scored_twice": ("<=", 0),
}


@dataclass(frozen=True, slots=True)
class Servers:
    """The service, whose meter is the judge, and the two that are killed."""

    service: LocalService
    store: Seaweed
    coordinator: Redis


@contextmanager
def serving(home: Path, faults: Sequence[str]) -> Iterator[Servers]:
    """Run the servers, and put the address and key of the store into the environment."""
    service = LocalService(
        home / "service",
        scores="hash",
        calls_per_second=CALLS_PER_SECOND,
        latency_ms=LATENCY_MS,
        faults=faults,
        fault_seed=SEED,
        admin=True,
    )
    with service, Seaweed(home / "s3") as store, Redis(home / "redis") as coordinator:
        os.environ.update(store.environment())
        yield Servers(service, store, coordinator)


def job_at(home: Path) -> Run:
    """Return the run that takes its pairs from a folder and writes to the store."""
    source, warehouse = FileStore(home / "in"), open_store(WAREHOUSE)
    return Run(source=source, warehouse=warehouse, day=DAY, run_id="benchmark")


def verdict(
    run: Run, plan: Plan, meter: Mapping[str, Any], pairs: Mapping[str, Expected], *, tasks_killed: int
) -> dict[str, float]:
    """Return what is wrong with table and journals; each killed task may leave so many calls unlisted."""
    books = books_of(run, plan, meter["calls"], pairs).figures()
    bound = tasks_killed * (CALLS_IN_FLIGHT + GROUP)
    return {
        "pairs": len(pairs),
        "shards": len(plan.shards),
        "tasks_killed": tasks_killed,
        **table_figures(run, pairs),
        **books,
        "unlisted_bound": bound,
        "unlisted_of_bound": round(books["unlisted"] / max(1, bound), 4),
    }
