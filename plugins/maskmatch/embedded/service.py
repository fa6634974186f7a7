"""The local CompareMaskFace service as a process of its own, on loopback."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from maskmatch.embedded.processes import ChildProcess, own_port
from maskmatch.embedded.project import kept_secret, loopback_without_proxy

_SECRET_ID = "AKIDmaskmatch"  # noqa: S105 - a name, as the vendor calls it; the secret is drawn at random
_START_SECONDS = 60


class LocalService:
    """The service, which runs while the `with` block runs; `directory` keeps its secret and its log.

    Addresses of pictures may be on loopback, where the local store is.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        scores: Literal["model", "hash"] = "model",
        calls_per_second: float = 50,
        latency_ms: float = 0,
        meter: bool = True,
        workers: int | None = None,
        allow_private_urls: bool = True,
    ) -> None:
        self._directory = directory.absolute()
        self._port = own_port(port)
        self._options = {
            "--port": self._port,
            "--scores": scores,
            "--calls-per-second": f"{calls_per_second:g}",
            "--latency-ms": f"{latency_ms:g}",
            **({"--workers": workers} if workers else {}),
        }
        self._flags = [
            *(["--meter"] if meter else []),
            *(["--allow-private-urls"] if allow_private_urls else []),
        ]
        self._process = self._child()

    @property
    def endpoint(self) -> str:
        """Return host and port, as the vendor's SDK wants them; the protocol is http."""
        return f"127.0.0.1:{self._port}"

    @property
    def secret_id(self) -> str:
        """Return the SecretId that callers sign with."""
        return _SECRET_ID

    @property
    def secret_key(self) -> str:
        """Return its SecretKey."""
        return kept_secret(self._directory / "secret")

    @property
    def pid(self) -> int:
        """Return the service's process id."""
        return self._process.pid

    def meter(self, *, with_calls: bool = False) -> dict[str, Any]:
        """Return what was accepted, billed and paid twice; on request also each call."""
        query = {"calls": 1} if with_calls else {}
        response = httpx.get(f"http://{self.endpoint}/meter", params=query, trust_env=False, timeout=60)
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer

    def __enter__(self) -> Self:
        self._process.__enter__()
        try:
            self._process.wait_until(self._is_healthy, seconds=_START_SECONDS)
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    def _child(self) -> ChildProcess:
        options = [str(word) for option in self._options.items() for word in option]
        return ChildProcess(
            [sys.executable, "-m", "maskmatch.server", *options, *self._flags],
            log=self._directory / "service.log",
            environment={
                **loopback_without_proxy(os.environ),
                "MASKMATCH_SERVICE_SECRET_ID": self.secret_id,
                "MASKMATCH_SERVICE_SECRET_KEY": self.secret_key,
            },
        )

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"http://{self.endpoint}/health", trust_env=False, timeout=2).is_success
        except httpx.TransportError:
            return False
