"""What a real Airflow makes of kill -9 on tasks, executor workers, scheduler, S3 store and permit store.

The nightly Dag compares the pairs of one date in eight shards. Airflow's own retries, its heartbeat timeout
and a service manager (the embedded stack) start again what was killed. A task has three retries: one for a
kill of its own, one for the store's, one for the scheduler's. Meter, journals and table are then compared as
in `chaos`.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.crashes.audit import (
    CALLS_IN_FLIGHT,
    CALLS_PER_SECOND,
    SEED,
    WAREHOUSE,
    Servers,
    run_at,
    serving,
    verdict,
)
from benchmarks.crashes.audit import GOALS as COMMON_GOALS
from benchmarks.dataset import DAY, expected, write_dataset
from benchmarks.report import main
from devstack.airflow import AirflowStack
from devstack.airflow_tasks import process_of
from devstack.connections import connections
from devstack.redis import Redis
from devstack.seaweed import Seaweed
from devstack.service import LocalService
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore

DAG = "nightly_comparison"
PAIRS, QUICK_PAIRS = 24_000, 6000
SHARDS, QUICK_SHARDS = 8, 2
FAULTS = ("internal@0.01", "bad-gateway@0.005", "lost@0.003", "slow=1.5,0.5@0.002")
KINDS = ("task", "worker", "permit_store", "task", "store", "task", "scheduler", "task")
QUICK_KINDS = ("task", "permit_store", "scheduler")
RUN_SECONDS = 660
SETTINGS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
}
"""Killed workers and schedulers are noticed within seconds; by default it takes Airflow five minutes each."""
GOALS = {**COMMON_GOALS, "succeeded": (">=", 1)}


def run(quick: bool) -> dict[str, float]:
    """Run the Dag, kill meanwhile, and return the figures."""
    pairs, shards = (QUICK_PAIRS, QUICK_SHARDS) if quick else (PAIRS, SHARDS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), FAULTS) as servers:
        home = Path(folder)
        write_dataset(FileStore(home / "in"), pairs)
        with _airflow(home, servers) as airflow:
            killer = Killer(airflow, servers)
            killer.plan(QUICK_KINDS if quick else KINDS, pairs)
            state = _run_dag(airflow, killer, {"source": f"file://{home}/in", "max_shards": shards})
            return _figures(home, servers.service, pairs, killer) | {"succeeded": float(state == "success")}


def _airflow(home: Path, servers: Servers) -> AirflowStack:
    facts = connections(
        servers.store, servers.service, permit_store=home / "unused", calls_per_second=CALLS_PER_SECOND
    )
    facts["tencent_iai_default"]["extra"]["permit_store"] = servers.permit_store.uri
    return AirflowStack(home / "airflow", connections=facts, follows_schedules=False, settings=SETTINGS)


def _run_dag(airflow: AirflowStack, killer: "Killer", params: dict[str, Any]) -> str:
    airflow.wait_for_dag(DAG)
    airflow.unpause(DAG)
    when = datetime(DAY.year, DAY.month, DAY.day, 2, tzinfo=UTC)
    conf = {"warehouse": WAREHOUSE, "calls_in_flight": CALLS_IN_FLIGHT, **params}
    run_id = airflow.trigger(DAG, when, conf)
    return airflow.wait(DAG, run_id, seconds=RUN_SECONDS, on_progress=killer.look)


class Killer:
    """Kills tasks and servers at even shares of the work."""

    def __init__(self, airflow: AirflowStack, servers: Servers) -> None:
        self._airflow, self._service = airflow, servers.service
        self._servers: dict[str, Seaweed | Redis] = {
            "store": servers.store,
            "permit_store": servers.permit_store,
        }
        self._draw = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        self._due: list[tuple[float, str]] = []
        self._hit: set[int] = set()
        self.kills: Counter[str] = Counter()
        self.tasks_killed = 0

    def plan(self, kinds: Sequence[str], pairs: int) -> None:
        """Spread kills of these kinds over the work."""
        self._due = [(pairs * n / (len(kinds) + 1), kind) for n, kind in enumerate(kinds, 1)]

    def look(self, instances: Sequence[dict[str, Any]]) -> None:
        """Kill what is due; a task that cannot be killed now is killed at a later look."""
        if not self._due or self._service.meter()["distinct_billed_pairs"] < self._due[0][0]:
            return
        _, kind = self._due[0]
        if self._kill(kind, instances):
            self._due.pop(0)
            self.kills[kind] += 1
            sys.stdout.write(f"killed a {kind}\n")

    def _kill(self, kind: str, instances: Sequence[dict[str, Any]]) -> bool:
        if kind in self._servers:
            self._servers[kind].kill()
            time.sleep(self._draw.uniform(0.2, 2.0))
            self._servers[kind].start()
            return True
        if kind == "scheduler":
            self.tasks_killed += sum(_is_comparing(instance) for instance in instances)
            os.kill(self._airflow.pids["scheduler"], signal.SIGKILL)
            return True
        return self._kill_task(instances, with_worker=kind == "worker")

    def _kill_task(self, instances: Sequence[dict[str, Any]], *, with_worker: bool) -> bool:
        chosen = [it for it in instances if _is_comparing(it) and it["map_index"] not in self._hit]
        for instance in self._draw.sample(chosen, len(chosen)):
            if process := process_of(instance):
                with suppress(psutil.Error):
                    (process.parent() if with_worker else process).kill()
                    self._hit.add(instance["map_index"])
                    self.tasks_killed += 1
                    return True
        return False


def _is_comparing(instance: dict[str, Any]) -> bool:
    return bool(instance["task_id"] == "compare" and instance["state"] == "running")


def _figures(home: Path, service: LocalService, pairs: int, killer: Killer) -> dict[str, float]:
    run = run_at(home)
    plan = plans.newest_plan(run.warehouse, DAY)
    if plan is None:
        raise RuntimeError("the run has not even planned")
    meter = service.meter(with_calls=True)
    return {
        **verdict(run, plan, meter, expected(pairs), tasks_killed=killer.tasks_killed),
        **{f"kills_of_{kind}": count for kind, count in killer.kills.items()},
    }


if __name__ == "__main__":
    sys.exit(main("chaos_airflow", __doc__, run, GOALS))
