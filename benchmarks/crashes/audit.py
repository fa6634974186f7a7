"""How a run under kill -9 is judged, with Airflow and without: its servers, its goals, its accounts.

What was paid by the meter of the service is held against what journal and table say.
"""

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.dataset import DAY, Expected
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import Entry, read_journal
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
    permit_store: Redis


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
    with service, Seaweed(home / "s3") as store, Redis(home / "redis") as permit_store:
        os.environ.update(store.environment())
        yield Servers(service, store, permit_store)


def run_at(home: Path) -> Run:
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


@dataclass(frozen=True, slots=True)
class Books:
    """Calls by pair: billed by the meter, entered as billed, entered as perhaps billed, entered as scored."""

    billed: Counter[str]
    entered: Counter[str]
    maybe: Counter[str]
    scored: Counter[str]

    def figures(self) -> dict[str, float]:
        """Return the sums and differences.

        Unlisted is what was paid and recorded nowhere, as a killed process leaves it; a kill can cause
        neither `entered_not_billed` nor `scored_twice`.
        """
        pairs = self.billed.keys() | self.entered.keys() | self.maybe.keys()
        listed = {pair: self.entered[pair] + self.maybe[pair] for pair in pairs}
        return {
            "billed": self.billed.total(),
            "entered_as_billed": self.entered.total(),
            "entered_as_maybe_billed": self.maybe.total(),
            "maybe_billed_that_were_not": sum(max(0, listed[pair] - self.billed[pair]) for pair in pairs),
            "unlisted": sum(max(0, self.billed[pair] - listed[pair]) for pair in pairs),
            "entered_not_billed": sum(max(0, self.entered[pair] - self.billed[pair]) for pair in pairs),
            "scored_twice": sum(count - 1 for count in self.scored.values()),
            "paid_again": sum(count - 1 for count in self.billed.values()),
        }


def books_of(
    run: Run, plan: Plan, calls: Iterable[Mapping[str, Any]], pairs: Mapping[str, Expected]
) -> Books:
    """Read the journals, and the calls of the meter."""
    ids = {known.key: pair_id for pair_id, known in pairs.items()}
    books = Books(Counter(), Counter(), Counter(), Counter())
    books.billed.update(ids[call["pair"]] for call in calls if call["billed"])
    for shard in plan.shards:
        for entry in read_journal(run.warehouse, plans.journal_prefix(shard.key)):
            _enter(books, entry)
    return books


def _enter(books: Books, entry: Entry) -> None:
    outcome = entry.outcome
    books.entered[outcome.pair_id] += outcome.calls.billed
    books.maybe[outcome.pair_id] += outcome.calls.maybe_billed
    if outcome.score is not None:
        books.scored[outcome.pair_id] += 1


def table_figures(run: Run, pairs: Mapping[str, Expected]) -> dict[str, float]:
    """Return what is wrong with the published table, read with pandas."""
    table = pd.read_parquet(io.BytesIO(run.warehouse.get(tables.current_key("outcomes", run.day))))
    scored = table[table["score"].notna()]
    wanted = scored["pair_id"].map({pair_id: known.score for pair_id, known in pairs.items()})
    return {
        "rows": len(table),
        "lost": len(pairs) - scored["pair_id"].nunique(),
        "doubled_rows": int(table["pair_id"].duplicated().sum()),
        "wrong_scores": int(((scored["score"] - wanted).abs() > 0.01).sum()),
    }
