"""Airflow's database in a Postgres of its own, and commands of Compose and of the documents against it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from devstack.postgres import Postgres, postgres_programs

Done = subprocess.CompletedProcess[str]


class AirflowDatabase:
    """Runs programs that find Postgres by the variables of its clients, and Airflow by those of Compose."""

    def __init__(self, postgres: Postgres, home: Path) -> None:
        where = urlsplit(postgres.uri)
        programs = f"{Path(sys.executable).parent}:{postgres_programs()}"
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": f"{where.port}",
            "PGUSER": f"{where.username}",
            "AIRFLOW_HOME": f"{home}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where.netloc}/airflow",
        }

    def run(self, *words: str, told: str | None = None, **variables: str) -> Done:
        """Run a program to its end."""
        environment = self._environment | variables
        return subprocess.run(words, env=environment, input=told, check=False, capture_output=True, text=True)

    def must(self, *words: str, told: str | None = None, **variables: str) -> str:
        """Return what a program has said that must succeed."""
        done = self.run(*words, told=told, **variables)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def sql(self, text: str) -> list[str]:
        """Return the rows of a statement."""
        return self.must("psql", "-v", "ON_ERROR_STOP=1", "-qAt", "-d", "airflow", told=text).splitlines()


@contextmanager
def airflow_database(folder: Path) -> Iterator[AirflowDatabase]:
    """Start a Postgres with an empty database of that name."""
    for each in (folder, folder.parent):
        each.chmod(0o755)  # Postgres does not run as root
    with Postgres(folder / "postgres") as server:
        database = AirflowDatabase(server, folder / "home")
        database.must("createdb", "airflow")
        yield database
