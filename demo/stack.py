"""Start the embedded parts side by side and fill the store with the demo's pictures and manifests.

Decision: docs/adr/0005-the-demo-runs-a-whole-airflow.md
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from demo.manifest import write_manifests
from demo.pictures import write_pictures
from devstack.airflow import AirflowStack
from devstack.connections import connections
from devstack.postgres import Postgres
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore, Store, open_store

DAG_ID = "nightly_comparison"
BUCKET = "maskmatch"
CALLS_PER_SECOND = 20
"""A processor or two cannot compare faces at the vendor's rate of 50."""


@dataclass(frozen=True)
class Stack:
    """The running parts; `source` is the folder whose copy lies at s3://maskmatch/source."""

    seaweed: Seaweed
    service: LocalService
    airflow: AirflowStack
    source: Path
    database: Postgres | None = None


@contextmanager
def running_stack(
    state: Path,
    *,
    dates: Sequence[date],
    follows_schedules: bool,
    ports: Mapping[str, int] | None = None,
    database: Postgres | None = None,
    parallelism: int = 4,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Yield the parts when all of them answer; stop them at the end.

    With a database Airflow has a triggerer too, and its connections are left to whoever starts it.
    """
    ports = ports or {}
    seaweed = Seaweed(state / "s3", port=ports.get("s3"), buckets=(BUCKET,))
    service = LocalService(state / "service", port=ports.get("service"), calls_per_second=CALLS_PER_SECOND)
    permit_store = state / "permits.sqlite3"
    airflow = AirflowStack(
        state / "airflow",
        connections={}
        if database
        else connections(seaweed, service, permit_store=permit_store, calls_per_second=CALLS_PER_SECOND),
        port=ports.get("airflow"),
        parallelism=parallelism,
        follows_schedules=follows_schedules,
        database=database,
        with_triggerer=bool(database),
        settings=settings,
    )
    source = state / "source"
    with ExitStack() as running, ThreadPoolExecutor() as pool:
        starting = [pool.submit(running.enter_context, part) for part in (seaweed, service, airflow)]
        for _ in write_pictures(source):
            pass
        write_manifests(source, dates=dates)
        for part in starting:
            part.result()
        os.environ.update(seaweed.environment())
        copy(FileStore(source), open_store(f"s3://{BUCKET}/source"))
        yield Stack(seaweed, service, airflow, source, database)


def add_dates(stack: Stack, dates: Sequence[date]) -> None:
    """Write the manifests of more dates into the store."""
    write_manifests(stack.source, dates=dates)
    for day in dates:
        copy(FileStore(stack.source), open_store(f"s3://{BUCKET}/source"), f"manifests/ds={day}/")


def copy(source: Store, target: Store, prefix: str = "") -> None:
    """Copy all objects below a prefix from one store to another."""
    for found in source.list(prefix):
        target.put(found.key, source.get(found.key))
