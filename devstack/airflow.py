"""A real Airflow for one machine: api server, scheduler with LocalExecutor, dag processor.

    with AirflowStack(home) as airflow:
        airflow.wait_for_dag("nightly_comparison")
        airflow.unpause("nightly_comparison")
        run_id = airflow.trigger("nightly_comparison", datetime(2026, 1, 1, tzinfo=UTC))
        state = airflow.wait("nightly_comparison", run_id, seconds=600)

A triggerer is started on request. The metadata database is a SQLite file, or a Postgres server that runs
already: on SQLite a backfill that is created while tasks run may be refused (HTTP 503).
`start` returns while the processes are still loading, so that a program can do other things meanwhile.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from devstack.airflow_api import AirflowApi, AirflowApiError
from devstack.airflow_settings import USER, AirflowSettings, Connections
from devstack.postgres import Postgres
from devstack.processes import ChildProcess, own_port
from devstack.project import project_root

_MIGRATE_SECONDS = 180
_START_SECONDS = 120
_DAG_SECONDS = 60
_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.25
# Airflow builds many thousand objects while it loads; collecting garbage less often saves a sixth of that.
_AIRFLOW = "import gc; gc.set_threshold(100_000, 10, 10); from airflow.__main__ import main; main()"
_SERVER = "api-server"
_COMPONENTS = {
    _SERVER: ("api-server", "--host", "127.0.0.1"),
    # Its log server would listen on every address, and the api server reads the same folder anyway.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
_TRIGGERER = {"triggerer": ("triggerer", "--skip-serve-logs")}


class AirflowStack(AirflowApi):
    """Airflow's processes, which run while the `with` block runs; `home` keeps database, logs and secrets."""

    def __init__(  # noqa: PLR0913  # each is a setting
        self,
        home: Path,
        *,
        project: Path | None = None,
        dags: Path | None = None,
        connections: Connections | None = None,
        port: int | None = None,
        parallelism: int = 4,
        follows_schedules: bool = True,
        database: Postgres | None = None,
        with_triggerer: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = AirflowSettings(
            home=home.absolute(),
            port=own_port(port),
            project=project or project_root(),
            dags=dags,
            connections=connections or {},
            parallelism=parallelism,
            follows_schedules=follows_schedules,
            database=_address(database) if database else "",
            extra=settings or {},
        )
        super().__init__(url=self.url, user=USER, password=self.password)
        self._components = _COMPONENTS | (_TRIGGERER if with_triggerer else {})
        self._marker = (database.directory if database else self._settings.home) / "migrated"
        self._data = database.directory / "data" if database else self._settings.home / "airflow.db"
        self._children: dict[str, ChildProcess] = {}
        self._running = ExitStack()
        self._started_at = datetime.now(UTC)

    @property
    def url(self) -> str:
        """Return the address of the user interface."""
        return self._settings.url

    @property
    def password(self) -> str:
        """Return the password of the user `admin`."""
        return self._settings.password

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which the command `airflow` sees this installation."""
        return self._settings.environment()

    @property
    def pids(self) -> dict[str, int]:
        """Return the process id of each component."""
        return {name: child.pid for name, child in self._children.items()}

    def migrate(self) -> None:
        """Create the metadata database, or bring it to this version of Airflow; else do nothing."""
        wanted = version("apache-airflow-core")
        is_there = self._data.exists() and self._marker.exists()
        if is_there and self._marker.read_text() == wanted:
            return
        with self._child("db-migrate", "db", "migrate") as child:
            child.wait(seconds=_MIGRATE_SECONDS)
        self._marker.write_text(wanted)

    def start(self) -> None:
        """Start the processes and return at once; `await_health` says when they can be used."""
        self.migrate()
        self._started_at = datetime.now(UTC)
        with ExitStack() as running:
            for name, command in self._components.items():
                self._children[name] = running.enter_context(self._child(name, *command))
            self._running = running.pop_all()

    def await_health(self, *, seconds: float = _START_SECONDS) -> None:
        """Return when all components are well and the first task will not wait for one of them to warm up."""
        for name, child in self._children.items():
            child.wait_until(partial(self._is_healthy, name), seconds=seconds)

    def revive(self) -> list[str]:
        """Start what has ended by itself again, as a service manager would; return the names."""
        ended = [name for name, child in self._children.items() if child.exit_code is not None]
        for name in ended:
            self._children[name] = self._running.enter_context(self._child(name, *self._components[name]))
        return ended

    def look_after(self) -> None:
        """Start what has ended by itself again: creating a backfill can end a scheduler on SQLite."""
        self.revive()

    def stop(self) -> None:
        """End all processes; tasks that still run have some seconds to finish, then they are killed."""
        self.close()
        for name, child in self._children.items():
            if name != _SERVER:
                child.ask_to_stop()
        self._running.close()  # in reverse: the server goes last, because tasks report to it

    def __enter__(self) -> Self:
        self.start()
        try:
            self.await_health()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_for_dag(self, dag_id: str, *, seconds: float = _DAG_SECONDS) -> None:
        """Return when the Dag has been read since the start; raise AirflowApiError with the cause."""
        deadline = time.monotonic() + seconds
        while not self._is_fresh(dag_id):
            if time.monotonic() > deadline:
                causes = "\n".join(self.import_errors())
                raise AirflowApiError(f"no Dag {dag_id} after {seconds:g} s {causes}")
            time.sleep(_POLL_SECONDS)

    def _is_fresh(self, dag_id: str) -> bool:
        dag = self.dag(dag_id)
        return dag is not None and _time(dag["last_parsed_time"]) >= self._started_at

    def _is_healthy(self, component: str) -> bool:
        """Return True if a component has given a sign of life; one of before the start does not count."""
        try:
            health = self.health()
        except httpx.TransportError:
            return False
        if component == _SERVER:
            return health["metadatabase"]["status"] == "healthy" and self.warm_up()
        name = component.replace("-", "_")
        return _time(health[name][f"latest_{name}_heartbeat"]) >= self._started_at

    def _child(
        self, name: str, *command: str, before: Sequence[str] = (), variables: Mapping[str, str] | None = None
    ) -> ChildProcess:
        """Return a command of Airflow; `before` stands before it, `variables` beside its environment."""
        return ChildProcess(
            [*before, sys.executable, "-c", _AIRFLOW, *command],
            log=self._settings.home / "logs" / f"{name}.log",
            environment={**self.environment, **(variables or {})},
            directory=self._settings.home,
            # Stopped within 0.2 s, the server takes 3 s more to take its many objects apart.
            patience_seconds=1 if name == _SERVER else _PATIENCE_SECONDS,
        )


def _address(database: Postgres) -> str:
    return database.uri.replace("postgresql://", "postgresql+psycopg2://", 1)


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
