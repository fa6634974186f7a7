"""Two Celery workers share a run, and one of them ends in the middle of it, in each way there is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import redis

from devstack.celery import CeleryStack
from devstack.connections import connections
from devstack.postgres import Postgres
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.core.clock import SystemClock
from maskmatch.permits.opening import open_coordinator
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.tables import read_table
from tests.nights import write_pairs
from tests.project.compose import SERVICES
from tests.s3 import client_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

DAG = "nightly_comparison"
PAIRS = 3200
"""Two shards: a smaller one is not made."""
CALLS_PER_SECOND, CALLS_IN_FLIGHT = 300, 8
LOGS = "celery/logs"
QUEUED_SECONDS, LOOKED_SECONDS = 10, 2
"""After so long a message counts as lost; looked at so often."""
LATENCY_MS = 60
"""A shard alone takes 12 s: each is in the middle for a while, though one may begin some seconds later."""


@dataclass(frozen=True)
class Workers:
    """A running Airflow with two workers of one slot each, its store, and a service that takes its time."""

    airflow: CeleryStack
    queue: Redis
    database: Postgres
    service: LocalService
    home: Path
    logs: S3Store
    source: S3Store
    warehouse: S3Store

    def start(self, day: date, *, shards: int = 2) -> tuple[str, dict[str, int]]:
        """Start a date's run; when two shards have paid for calls, return its id and the workers' shards."""
        write_pairs(self.source, PAIRS // 2 * shards, day=day, images=120)
        self.service.reset_meter()
        conf = {"source": self.source.uri, "warehouse": self.warehouse.uri}
        conf |= {"max_shards": shards, "calls_in_flight": CALLS_IN_FLIGHT}
        run_id = self.airflow.trigger(DAG, datetime(day.year, day.month, day.day, 2, tzinfo=UTC), conf)
        wait_until(lambda: self.journals(day) == 2, "the journals of two shards", seconds=120)
        return run_id, {self.airflow.worker_of(it): it["map_index"] for it in self.compares(run_id)}

    def journals(self, day: date) -> int:
        """Return how many shards of a date have outcomes in their journals."""
        keys = [found.key for found in self.warehouse.list(f"work/ds={day}/")]
        return len(
            {key.partition(".journal/")[0] for key in keys if ".journal/" in key and "/claim-" not in key}
        )

    def messages(self) -> int:
        """Return how many tasks wait in Celery's Redis."""
        with redis.Redis.from_url(self.queue.uri) as client:
            return int(client.llen("default"))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nobody call meanwhile."""
        permits = open_coordinator(
            self.database.uri,
            secret_id=self.service.secret_id,
            calls_per_second=CALLS_PER_SECOND,
            clock=SystemClock(),
        )
        permits.pause(by="a test")
        try:
            yield
        finally:
            permits.resume(by="a test")
            permits.close()

    @property
    def billed(self) -> int:
        """Return how many calls were paid since the start of the run."""
        return int(self.service.meter()["billed"])

    def compares(self, run_id: str) -> list[dict]:
        """Return the task instances that compare, by shard."""
        found = [it for it in self.airflow.task_instances(DAG, run_id) if it["task_id"] == "compare"]
        return sorted(found, key=lambda it: it["map_index"])

    def has_ended_right(self, run_id: str, day: date, *, pairs: int = PAIRS) -> None:
        """Assert that a run ends well, and that each pair has one row and a score."""
        assert self.airflow.wait(DAG, run_id, seconds=180) == "success"
        table = read_table(self.warehouse, "outcomes", day).to_pandas()
        assert sorted(table["pair_id"]) == [f"p{number:05d}" for number in range(pairs)]
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
            settings={
                # Twice as many as there are slots, so that some wait in Redis.
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": f"{QUEUED_SECONDS}",
                "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": f"{LOOKED_SECONDS}",
                **logs_in_store(seaweed),
            },
        )
        with airflow:
            airflow.wait_for_dag(DAG)
            airflow.unpause(DAG)
            logs = S3Store(client, bucket="maskmatch", prefix=LOGS)
            yield Workers(airflow, queue, database, service, home, logs, source, warehouse)
    client.close()


def logs_in_store(store: Seaweed) -> dict[str, str]:
    """Return the settings by which logs of tasks lie in the store alone, as in docker-compose.yml."""
    connection = {
        "conn_type": "aws",
        "login": store.access_key,
        "password": store.secret_key,
        "extra": {"endpoint_url": store.endpoint_url, "region_name": "us-east-1"},
    }
    return {
        "AIRFLOW_CONN_MASKMATCH_LOGS": json.dumps(connection),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"s3://maskmatch/{LOGS}",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "maskmatch_logs",
        "AIRFLOW__LOGGING__DELETE_LOCAL_LOGS": "True",
    }


@pytest.mark.parametrize(
    ("part", "code"),
    [("api-server", 0), ("scheduler", 0), ("dag-processor", 0), ("worker", 0), ("triggerer", 1)],
)
def test_the_health_checks_of_compose_see_which_parts_run(two, part, code):
    program = SERVICES[part]["healthcheck"]["test"][3:]  # behind CMD python -c
    for ours, here in (
        ("http://api-server:8080", two.airflow.url),
        ("http://127.0.0.1:8080", two.airflow.url),
        ("socket.gethostname()", "'w1'"),
    ):
        program[0] = program[0].replace(ours, here)
    settings = os.environ | {"AIRFLOW__CELERY__BROKER_URL": two.queue.uri}
    assert subprocess.run([sys.executable, "-c", *program], env=settings, check=False).returncode == code


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


def test_a_task_whose_message_redis_has_lost_is_sent_again_as_often_as_it_takes(two):
    day = date(2026, 1, 4)
    run_id, _ = two.start(day, shards=4)
    with two.paused():  # so that those that run keep their slots
        wait_until(lambda: two.messages() > 0, "a task that waits in Redis", seconds=60)
        with redis.Redis.from_url(two.queue.uri) as client:
            client.flushall()
        assert two.messages() == 0
        sent = {it["id"]: set() for it in two.compares(run_id) if it["state"] == "queued"}

        def are_sent_often():
            for it in two.compares(run_id):
                if it["id"] in sent and it["state"] == "queued":
                    sent[it["id"]].add(it["queued_when"])
            return all(len(times) > 3 for times in sent.values())  # by default the third wait fails the task

        wait_until(are_sent_often, "tasks that are sent again and again", seconds=150)
        wait_until(lambda: two.messages() > 0, "messages in Redis", seconds=60)
    two.has_ended_right(run_id, day, pairs=2 * PAIRS)
    assert sent
    assert {it["try_number"] for it in two.compares(run_id)} == {1}
    assert two.billed == 2 * PAIRS


def test_the_log_of_a_task_lies_in_the_store_alone_and_the_page_shows_it(two):
    day = date(2026, 1, 5)
    run_id, _ = two.start(day)
    two.has_ended_right(run_id, day)
    folder = f"dag_id={DAG}/run_id={run_id}/task_id=compare"
    found = [kept.key for kept in two.logs.list(f"{folder}/")]
    assert sorted(key.rpartition("/")[2] for key in found) == ["attempt=1.log"] * 2
    assert not list((two.home / "airflow" / "logs" / folder).glob("**/*.log"))
    assert "Params" in two.airflow.task_log(DAG, run_id, "plan")
    for number in range(2):
        assert two.airflow.task_log(DAG, run_id, "compare", map_index=number)
