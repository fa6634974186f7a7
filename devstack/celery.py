"""An Airflow whose tasks run in Celery workers, as they do on several hosts; here all are on this one.

    with Postgres(home / "postgres") as database, Redis(home / "redis") as queue:
        with CeleryStack(home / "airflow", database=database, queue=queue, workers=("w1", "w2")) as airflow:
            airflow.kill_worker("w1")

                     ┌─ worker w1: home folder, process group and Celery queue of its own ── tasks
    scheduler ─Redis─┤
                     └─ worker w2: the same

All write their logs to one folder, which the api server reads. A worker that has ended stays away until
`start_worker`; what else ends is started again by `revive`.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from devstack.airflow import AirflowStack
from devstack.airflow_api import Json
from devstack.airflow_tasks import process_of
from devstack.postgres import Postgres
from devstack.processes import ChildProcess
from devstack.redis import Redis

_START_SECONDS = 180
_POLL_SECONDS = 0.25
_NOTICED_SECONDS = 20
"""Without a heartbeat for so long a task counts as lost. A busy host may be late by some seconds."""
_SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_INTERVAL": "0",  # Dags in folders leave nothing to clean
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": f"{_NOTICED_SECONDS}",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    # A scheduler that was killed counts as gone after 10 s, and the next one then takes over its tasks.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    # A message that Redis has lost is sent again after so long.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    # One that only waits for a slot is sent again, too: the third time it would fail, by Airflow's default.
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "1000000",
}


class CeleryStack(AirflowStack):
    """Airflow with so many `slots` in each of its workers."""

    def __init__(
        self,
        home: Path,
        *,
        database: Postgres,
        queue: Redis,
        workers: Sequence[str] = ("w1", "w2"),
        slots: int = 2,
        settings: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            home,
            database=database,
            parallelism=slots * len(workers),
            settings={**_SETTINGS, "AIRFLOW__CELERY__BROKER_URL": queue.uri, **(settings or {})},
            **options,
        )
        self._slots = slots
        self._names = workers
        self._workers: dict[str, ChildProcess] = {}

    @property
    def workers(self) -> dict[str, int]:
        """Return the process id of each worker that has been started."""
        return {name: worker.pid for name, worker in self._workers.items()}

    def start(self) -> None:
        """Start all processes, workers last."""
        super().start()
        for name in self._names:
            self.start_worker(name)

    def start_worker(self, name: str, variables: Mapping[str, str] | None = None) -> None:
        """Start a worker, also one that has ended, with these variables beside the rest; return at once."""
        home = self._settings.home / name
        home.mkdir(exist_ok=True)
        self._workers[name] = self._child(
            name,
            "celery",
            "worker",
            "--skip-serve-logs",
            f"--celery-hostname={name}",
            f"--queues=default,{name}",
            f"--concurrency={self._slots}",
            before=["setsid"],
            variables={"HOME": str(home), **(variables or {})},
        )
        self._workers[name].__enter__()

    def await_health(self, *, seconds: float = _START_SECONDS) -> None:
        """Return when all components and workers are well."""
        super().await_health(seconds=seconds)
        for name in self._names:
            self.await_worker(name, seconds=seconds)

    def await_worker(self, name: str, *, seconds: float = _START_SECONDS) -> None:
        """Return when a worker takes tasks."""
        worker = self._workers[name]
        worker.wait_until(lambda: f"{name} ready." in worker.log.read_text(errors="replace"), seconds=seconds)

    def kill_worker(self, name: str) -> None:
        """End a worker with all its tasks by SIGKILL, as the loss of its host would."""
        self._workers[name].kill()

    def terminate_worker(self, name: str, *, whole_group: bool) -> None:
        """Send SIGTERM to a worker, which then takes no more tasks, or also to all that it has started."""
        pid = self._workers[name].pid
        with suppress(ProcessLookupError):
            (os.killpg if whole_group else os.kill)(pid, signal.SIGTERM)

    def await_end(self, name: str, *, seconds: float) -> None:
        """Return when a worker has ended; raise TimeoutError when it has not."""
        deadline = time.monotonic() + seconds
        while self._workers[name].exit_code is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker {name} runs on after {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def worker_of(self, instance: Json) -> str | None:
        """Return which worker runs a task instance now."""
        names = {pid: name for name, pid in self.workers.items()}
        process = process_of(instance)
        above = process.parents() if process else []
        return next((names[parent.pid] for parent in above if parent.pid in names), None)

    def stop(self) -> None:
        """End all processes, workers first: tasks report to the others."""
        for worker in self._workers.values():
            worker.kill()
        super().stop()
