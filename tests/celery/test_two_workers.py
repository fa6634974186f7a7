"""Two Celery workers share a run, and one of them ends in the middle of it, in each way there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from devstack.celery import CeleryStack
from devstack.connections import connections
from devstack.postgres import Postgres
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.tables import read_table
from tests.nights import write_pairs
from tests.s3 import client_of
from tests.waiting import wait_until

pytestmark = pytest.mark.server

DAG = "nightly_comparison"
PAIRS = 3200
"""Two shards."""
CALLS_PER_SECOND, CALLS_IN_FLIGHT = 300, 8
LATENCY_MS = 60
"""A shard alone takes 12 s: each is in the middle for a while, though one may begin some seconds later."""


@dataclass(frozen=True)
class Workers:
    """A running Airflow with two workers of one slot each, its store, and a service that takes its time."""

    airflow: CeleryStack
    service: LocalService
    source: S3Store
    warehouse: S3Store

    def start(self, day: date) -> tuple[str, dict[str, int]]:
        """Start a date's run; when each shard has paid for calls, return its id and the workers' shards."""
        write_pairs(self.source, PAIRS, day=day, images=120)
        self.service.reset_meter()
        conf = {"source": self.source.uri, "warehouse": self.warehouse.uri}
        conf |= {"max_shards": 2, "calls_in_flight": CALLS_IN_FLIGHT}
        run_id = self.airflow.trigger(DAG, datetime(day.year, day.month, day.day, 2, tzinfo=UTC), conf)
        wait_until(lambda: self.journals(day) == 2, "a journal of each shard", seconds=120)
        return run_id, {self.airflow.worker_of(it): it["map_index"] for it in self.compares(run_id)}

    def journals(self, day: date) -> int:
        """Return how many shards of a date have outcomes in their journals."""
        keys = [found.key for found in self.warehouse.list(f"work/ds={day}/")]
        return len(
            {key.partition(".journal/")[0] for key in keys if ".journal/" in key and "/claim-" not in key}
        )

    @property
    def billed(self) -> int:
        """Return how many calls were paid since the start of the run."""
        return int(self.service.meter()["billed"])

    def compares(self, run_id: str) -> list[dict]:
        """Return the task instances that compare, by shard."""
        found = [it for it in self.airflow.task_instances(DAG, run_id) if it["task_id"] == "compare"]
        return sorted(found, key=lambda it: it["map_index"])

    def has_ended_right(self, run_id: str, day: date) -> None:
        """Assert that a run ends well, and that each pair has one row and a score."""
        assert self.airflow.wait(DAG, run_id, seconds=180) == "success"
        table = read_table(self.warehouse, "outcomes", day).to_pandas()
        assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(PAIRS)]
        assert set(table["outcome"]) == {"scored"}


@pytest.fixture(scope="module")
def two(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    home: Path = tmp_path_factory.mktemp("celery")
    service = LocalService(
        home / "service", scores="hash", latency_ms=LATENCY_MS, calls_per_second=CALLS_PER_SECOND
    )
    client = client_of(seaweed)
    source, warehouse = (
        S3Store(client, bucket="maskmatch", prefix=f"celery/{name}") for name in ("in", "out")
    )
    with Postgres(home / "postgres") as database, Redis(home / "redis") as queue, service:
        facts = connections(seaweed, service, permit_store=database.uri, calls_per_second=CALLS_PER_SECOND)
        airflow = CeleryStack(
            home / "airflow",
            database=database,
            queue=queue,
            slots=1,
            connections=facts,
            follows_schedules=False,
        )
        with airflow:
            airflow.wait_for_dag(DAG)
            airflow.unpause(DAG)
            yield Workers(airflow, service, source, warehouse)
    client.close()


def test_a_warm_shutdown_in_the_middle_of_a_run_of_both_workers_pays_for_nothing_again(two):
    day = date(2026, 1, 1)
    run_id, shards = two.start(day)
    assert sorted(shards) == ["w1", "w2"]
    two.airflow.terminate_worker("w1", whole_group=False)
    two.has_ended_right(run_id, day)
    assert [(it["state"], it["try_number"]) for it in two.compares(run_id)] == [("success", 1)] * 2
    assert two.billed == PAIRS
    two.airflow.await_end("w1", seconds=30)
    two.airflow.start_worker("w1")
    two.airflow.await_worker("w1")


def test_the_shard_of_a_worker_that_was_killed_is_taken_up_by_the_other(two):
    day = date(2026, 1, 2)
    run_id, shards = two.start(day)
    lost = shards["w1"]
    two.airflow.kill_worker("w1")
    wait_until(
        lambda: two.airflow.worker_of(two.compares(run_id)[lost]) == "w2", "the shard on w2", seconds=120
    )
    two.has_ended_right(run_id, day)
    assert [it["try_number"] for it in two.compares(run_id)] == [2 - (n != lost) for n in range(2)]
    assert PAIRS <= two.billed <= PAIRS + 2 * CALLS_IN_FLIGHT  # calls in flight, and one group of the journal
    two.airflow.start_worker("w1")
    two.airflow.await_worker("w1")


def test_sigterm_to_all_processes_of_a_worker_leaves_its_task_to_be_tried_again(two):
    day = date(2026, 1, 3)
    run_id, shards = two.start(day)
    stopped = shards["w1"]
    two.airflow.terminate_worker("w1", whole_group=True)
    wait_until(lambda: two.compares(run_id)[stopped]["state"] != "running", "the end of the task", seconds=30)
    assert two.compares(run_id)[stopped]["state"] == "up_for_retry"
    two.has_ended_right(run_id, day)
    assert two.compares(run_id)[stopped]["try_number"] == 2
    assert two.billed == PAIRS
