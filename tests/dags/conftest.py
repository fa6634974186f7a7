import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from devstack.airflow import AirflowStack
from devstack.connections import connections
from devstack.postgres import Postgres
from devstack.project import project_root
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.tables import read_table
from tests.inbox import Inbox, open_inbox
from tests.nights import write_pairs
from tests.s3 import client_of

DAG = "nightly_comparison"
BACKFILL_SLOTS = 3
"""Of the four that there are."""
ON_ASSETS = """# airflow
from airflow.sdk import Asset
from maskmatch.dags import compare_on_assets, nightly_comparison

PLACES = {"source": "s3://maskmatch/nights/in", "warehouse": "s3://maskmatch/nights/out"}
dag = nightly_comparison("by_assets", schedule=None, **PLACES)
starter = compare_on_assets(assets=[Asset("manifests_written")], starts="by_assets")
"""
_MONITORING = (project_root() / "docs" / "monitoring.md").read_text()
(AFTER,) = re.findall(r"```python\n(from airflow.sdk import DAG,.+?)```", _MONITORING, re.DOTALL)
"""The Dag of the document that a publication starts."""


@dataclass(frozen=True)
class Nights:
    """A running Airflow with the nightly Dag, its S3 store and a service that answers after 40 ms.

    Its tasks tell the inbox when something has failed, or was away for three seconds.
    """

    airflow: AirflowStack
    database: Postgres
    service: LocalService
    source: S3Store
    warehouse: S3Store
    home: Path
    inbox: Inbox

    def start(self, day: date, **params: object) -> str:
        """Trigger the run of a date and return its id."""
        wanted = {"source": self.source.uri, "warehouse": self.warehouse.uri, "calls_in_flight": 8, **params}
        return self.airflow.trigger(DAG, datetime(day.year, day.month, day.day, 2, tzinfo=UTC), wanted)

    def run(self, day: date, **params: object) -> tuple[str, str]:
        """Run a date to its end; return how it ended and its run id."""
        run_id = self.start(day, **params)
        return self.airflow.wait(DAG, run_id, seconds=180), run_id

    def outcomes(self, day: date) -> pd.DataFrame:
        """Return what was published for a date."""
        return read_table(self.warehouse, "outcomes", day).to_pandas()


def _dags(folder: Path) -> Path:
    """Return a folder with the Dags of the project, and those that assets start."""
    shutil.copytree(project_root() / "dags", folder)
    (folder / "on_assets.py").write_text(ON_ASSETS)
    (folder / "after.py").write_text(AFTER.replace("s3://faces/warehouse", "s3://maskmatch/nights/out"))
    return folder


@pytest.fixture(scope="package")
def nights(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    with open_inbox() as inbox:
        yield from _nights(seaweed, tmp_path_factory.mktemp("nights"), inbox)


def _nights(seaweed: Seaweed, home: Path, inbox: Inbox) -> Iterator[Nights]:
    service = LocalService(home / "service", scores="hash", latency_ms=40, calls_per_second=200)
    database = Postgres(home / "postgres")  # on SQLite a backfill fails now and then while tasks run
    airflow = AirflowStack(
        home / "airflow",
        database=database,
        connections={
            **connections(seaweed, service, permit_store=home / "permits.sqlite3", calls_per_second=200),
            **inbox.connections,
        },
        dags=_dags(home / "dags"),
        settings={
            "AIRFLOW__MASKMATCH__BACKFILL_POOL": "maskmatch_backfill",
            "AIRFLOW__MASKMATCH__NOTIFIER": "tests.notifiers.everybody",
            "AIRFLOW__MASKMATCH__ALERT_AFTER": "3",
        },
    )
    client = client_of(seaweed)
    source, warehouse = (
        S3Store(client, bucket="maskmatch", prefix=f"nights/{name}") for name in ("in", "out")
    )
    with database, ExitStack() as running, ThreadPoolExecutor() as pool:
        for started in [pool.submit(running.enter_context, part) for part in (service, airflow)]:
            started.result()
        airflow.set_pool("maskmatch_backfill", BACKFILL_SLOTS, "backfills")
        airflow.wait_for_dag(DAG)
        airflow.unpause(DAG)
        yield Nights(airflow, database, service, source, warehouse, home, inbox)
    client.close()


@pytest.fixture
def pairs(nights: Nights) -> Callable[..., None]:
    """Return a function that writes a date's manifest and images."""

    def write(day: date, count: int, **more: object) -> None:
        write_pairs(nights.source, count, day=day, **more)  # type: ignore[arg-type]

    return write
