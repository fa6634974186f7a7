"""Airflow with two Celery workers, all on one host: Postgres, Redis, an S3 store, a service for each date.

The permit store is in Airflow's Postgres, behind a relay that can cut it off. Images are files of a few
bytes.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.crashes.audit import WAREHOUSE, books_of, table_figures
from benchmarks.dataset import expected, write_dataset
from devstack.airflow_api import Json
from devstack.celery import CeleryStack
from devstack.connections import connections
from devstack.netfaults import Relay
from devstack.postgres import Postgres
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore, open_store

DAG = "nightly_comparison"
LATENCY_MS = 120
RUN_SECONDS = 400
PAIRS_OF_TWO_SHARDS = 3100
"""The least with which each worker has a shard."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What runs."""

    home: Path
    airflow: CeleryStack
    database: Postgres
    queue: Redis
    store: Seaweed
    way_to_permits: Relay

    def compares(self, day: date) -> dict[int, Json]:
        """Return the task instances that compare a date, by their shard's number."""
        run_id = next(
            run["dag_run_id"] for run in self.airflow.runs(DAG) if run["logical_date"][:10] == f"{day}"
        )
        found = self.airflow.task_instances(DAG, run_id)
        return {it["map_index"]: it for it in found if it["task_id"] == "compare" and it["map_index"] >= 0}


@dataclass(kw_only=True)
class Night:
    """One date's run: its calls as the service has metered them, and the times (Unix) around it."""

    day: date
    pairs: int
    calls_per_second: int
    run_id: str = ""
    state: str = ""
    triggered_at: float = 0.0
    ended_at: float = 0.0
    meter: dict[str, Any] = field(default_factory=dict)
    looks: list[tuple[float, float, float]] = field(default_factory=list)
    """Time, and the processors' idle seconds and all their seconds until then."""

    @property
    def accepted_at(self) -> list[float]:
        """Return when each accepted call of a pair began, in order."""
        return sorted(call["at"] for call in self.meter["calls"] if call["pair"])

    @property
    def idle(self) -> float:
        """Return which share of the processors was idle between the first and the last accepted call."""
        first, last = self.accepted_at[0], self.accepted_at[-1]
        looks = [look for look in self.looks if first <= look[0] <= last]
        return (looks[-1][1] - looks[0][1]) / (looks[-1][2] - looks[0][2])

    def share_of_rate(self, start: float, end: float) -> float:
        """Return how many calls were accepted between two times, of those that the rate allows."""
        accepted = sum(start <= at < end for at in self.accepted_at)
        return accepted / (self.calls_per_second * (end - start))

    def look(self) -> None:
        """Note how long the processors have been idle."""
        times = psutil.cpu_times()
        self.looks.append((datetime.now(UTC).timestamp(), times.idle, sum(times)))


@contextmanager
def running(home: Path, *, slots: int) -> Iterator[Site]:
    """Run all but the service, with so many slots in each worker."""
    with ExitStack() as parts:
        database = parts.enter_context(Postgres(home / "postgres"))
        queue, store = parts.enter_context(Redis(home / "redis")), parts.enter_context(Seaweed(home / "s3"))
        relay = parts.enter_context(Relay(database.port))
        os.environ.update(store.environment())
        stack = CeleryStack(
            home / "airflow", database=database, queue=queue, slots=slots, follows_schedules=False
        )
        airflow = parts.enter_context(stack)
        airflow.wait_for_dag(DAG)
        airflow.unpause(DAG)
        yield Site(
            home=home, airflow=airflow, database=database, queue=queue, store=store, way_to_permits=relay
        )


Meanwhile = Callable[[LocalService], None]
LOOK_SECONDS = 2.0
"""Each look costs Airflow's api server some 40 ms of a processor, which the workers then lack."""


def compare_night(site: Site, night: Night, *, meanwhile: Meanwhile | None = None) -> Night:
    """Run a date to its end and return it with its meter; `meanwhile` is called when the run has begun."""
    write_dataset(FileStore(site.home / "in"), night.pairs, day=night.day)
    options = {"scores": "hash", "latency_ms": LATENCY_MS, "calls_per_second": night.calls_per_second}
    with LocalService(site.home / "service", **options) as service:
        _connect(site, service, night.calls_per_second)
        conf = {"source": f"file://{site.home}/in", "warehouse": WAREHOUSE, "max_shards": 2}
        when = datetime(night.day.year, night.day.month, night.day.day, 2, tzinfo=UTC)
        night.triggered_at = datetime.now(UTC).timestamp()
        night.run_id = site.airflow.trigger(DAG, when, conf)
        if meanwhile:
            meanwhile(service)
        night.state = site.airflow.wait(
            DAG, night.run_id, seconds=RUN_SECONDS, every=LOOK_SECONDS, on_progress=lambda _: night.look()
        )
        (run,) = [run for run in site.airflow.runs(DAG) if run["dag_run_id"] == night.run_id]
        night.ended_at = datetime.fromisoformat(run["end_date"]).timestamp()
        night.meter = service.meter(with_calls=True)
    return night


def _connect(site: Site, service: LocalService, calls_per_second: int) -> None:
    """Let tasks call this service with this rate; connections are in Airflow's database, to be changed."""
    permits = site.database.uri.replace(f":{site.database.port}/", f":{site.way_to_permits.port}/")
    facts = connections(site.store, service, permit_store=permits, calls_per_second=calls_per_second)
    for name, fields in facts.items():
        site.airflow.set_connection(name, fields, anew=True)


def audit(site: Site, night: Night) -> Mapping[str, float]:
    """Return what is wrong with the table and the journals of a date."""
    run = Run(
        source=FileStore(site.home / "in"),
        warehouse=open_store(WAREHOUSE),
        day=night.day,
        run_id=night.run_id,
    )
    plan = plans.newest_plan(run.warehouse, night.day)
    if plan is None or night.state != "success":
        raise RuntimeError(f"the run of {night.day} ended as {night.state}")
    pairs = expected(night.pairs)
    calls = [call for call in night.meter["calls"] if call["pair"]]
    found = {**table_figures(run, pairs), **books_of(run, plan, calls, pairs).figures()}
    return {name: found[name] for name in ("lost", "doubled_rows", "wrong_scores", "paid_again")}
