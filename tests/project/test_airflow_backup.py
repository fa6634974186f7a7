"""Airflow's database is dumped and restored by the commands of docs/operations.md."""

import os
import re
import shlex
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from devstack.postgres import Postgres, postgres_programs
from devstack.project import project_root

pytestmark = pytest.mark.server

OPERATIONS = (project_root() / "docs" / "operations.md").read_text()


def documented(program: str) -> list[str]:
    (line,) = re.findall(
        rf"^docker compose exec -T postgres {program} (.* airflow) [<>]", OPERATIONS, re.MULTILINE
    )
    return shlex.split(line)


@pytest.fixture
def postgres(tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres")
    for each in (folder, folder.parent):
        each.chmod(0o755)  # Postgres does not run as root
    with Postgres(folder) as server:
        yield server


def test_what_was_dumped_is_there_after_the_restore_and_nothing_else(postgres, tmp_path):
    where = urlsplit(postgres.uri)
    home = {
        **os.environ,
        "AIRFLOW_HOME": f"{tmp_path}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where.netloc}/airflow",
    }

    def airflow(*words):
        program = [sys.executable, "-m", "airflow", *words]
        done = subprocess.run(program, env=home, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def call(program, *words, **options):
        reach = ["-h", "127.0.0.1", "-p", f"{where.port}"]
        said = [where.username if word == "airflow" and at == "-U" else word for at, word in pairs(words)]
        return subprocess.run(
            [postgres_programs() / program, *reach, *said], check=True, capture_output=True, **options
        )

    call("createdb", "-U", "airflow", "airflow")
    airflow("db", "migrate")
    airflow("pools", "set", "kept", "3", "dumped")
    dump = call("pg_dump", *documented("pg_dump")).stdout
    airflow("pools", "set", "later", "3", "made after the dump")
    call("psql", *documented("psql"), input=dump)
    pools = airflow("pools", "list", "--output", "plain")
    airflow("db", "check-migrations")
    assert "kept" in pools
    assert "later" not in pools


def pairs(words):
    """Return each word behind the one before it."""
    return zip(["", *words], words, strict=False)
