"""Keeps the mark `server` true: without it a test can neither open a port nor start a server's process.

`make check` leaves the marked tests out. Fixtures and modules say that they start a server; a test that does
so unsaid is failed by an audit hook, which also sees what a fixture, a helper or another thread does.
"""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from devstack.processes import _REAPER


class ServerGuard:
    """Looks at every port that is opened and every process that is started while an item runs."""

    def __init__(self) -> None:
        self._running: pytest.Item | None = None
        sys.addaudithook(self._look)

    @contextmanager
    def over(self, item: pytest.Item) -> Iterator[None]:
        """Watch while an item runs, with all its fixtures."""
        self._running = item
        try:
            yield
        finally:
            self._running = None

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        item = self._running
        if item is None or event not in _LOOKS or item.get_closest_marker("server"):
            return
        if what := _LOOKS[event](*arguments):
            raise RuntimeError(f"{item.nodeid} {what}: mark it with pytest.mark.server")


def _port(sock: socket.socket, *_: object) -> str | None:
    return "opens a port" if sock.family in (socket.AF_INET, socket.AF_INET6) else None


def _process(_: object, command: Sequence[object], *__: object) -> str | None:
    """Tell a process of `devstack`, and the command of the local service; other processes serve nobody."""
    words = {str(word) for word in command} if not isinstance(command, str | bytes) else set()
    return "starts a server's process" if words & {str(_REAPER), "comparemaskface"} else None


_LOOKS = {"socket.bind": _port, "subprocess.Popen": _process}
