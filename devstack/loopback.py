"""One server on loopback: an address, a folder, a process that can be stopped, killed and started again.

    with Seaweed(folder) as store:
        store.kill()
        store.start()

After a crash it has the same address, secret and data.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from devstack.processes import ChildProcess, own_port
from devstack.project import kept_secret, loopback_without_proxy

_START_SECONDS = 60

TLS = httpx.create_ssl_context(trust_env=False)
"""Made once: each client would make its own, which costs 40 ms, though nothing here speaks TLS."""


class LoopbackServer(ABC):
    """A server that runs while the `with` block runs; `directory` keeps its log and its data.

    Started again after an end of any kind, it has the same address.
    """

    def __init__(self, directory: Path, *, port: int | None, name: str) -> None:
        self._directory = directory.absolute()
        self._port = own_port(port)
        self._name = name
        self._process: ChildProcess | None = None

    @property
    def port(self) -> int:
        """Return the port of 127.0.0.1."""
        return self._port

    @property
    def pid(self) -> int:
        """Return the server's process id, 0 before its first start."""
        return self._process.pid if self._process else 0

    @property
    def has_ended(self) -> bool:
        """Return True if it was started, and has ended since."""
        return self._process is not None and self._process.exit_code is not None

    def start(self) -> None:
        """Return when the server can be used; raise ChildFailedError when it has ended or is too slow.

        Raises PortTakenError when another server, or this one, listens on the port already.
        """
        own_port(self._port)
        self._process = self._child()
        with ExitStack() as undo:
            undo.enter_context(self._process).wait_until(self._is_ready, seconds=_START_SECONDS)
            undo.pop_all()

    def stop(self) -> None:
        """Ask the server to end, and return when it has; do nothing when it does not run."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """End the server as a crash would, by SIGKILL, and return when it has gone."""
        if self._process:
            self._process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """Return the command of the next start."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Return True if it can be used."""

    def _variables(self) -> Mapping[str, str]:
        """Return what it finds in its environment beside ours."""
        return {}

    def _child(self) -> ChildProcess:
        return ChildProcess(
            self._command(),
            log=self._directory / f"{self._name}.log",
            environment={**loopback_without_proxy(os.environ), **self._variables()},
            directory=self._directory,
        )


class HttpServer(LoopbackServer):
    """A server that speaks HTTP and knows its callers by a secret, which `directory` keeps too."""

    def __init__(self, directory: Path, *, port: int | None, name: str, health: str) -> None:
        super().__init__(directory, port=port, name=name)
        self._health = health

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def secret_key(self) -> str:
        """Return the secret that callers sign with, drawn at random once."""
        return kept_secret(self._directory / "secret")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}{self._health}", trust_env=False, timeout=2, verify=TLS).is_success
        except httpx.TransportError:
            return False
