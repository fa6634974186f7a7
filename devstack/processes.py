"""Start, await and stop one child process; see reaper.py for how it is kept from outliving us."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_REAPER = Path(__file__).with_name("reaper.py")
_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


class ChildFailedError(RuntimeError):
    """A child process has ended, or is not ready in time; the message closes with the end of its log."""


class PortTakenError(RuntimeError):
    """Another process listens on the port that a child of ours should have."""


class ChildProcess:
    """A command that runs while the `with` block runs, in its own session, with its output in a log file.

    It ends with us, whether we stop it, raise or are killed, and takes all its descendants with it.
    Its log is started anew each time.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        patience_seconds: float = 10,
    ) -> None:
        self._command = [str(word) for word in command]
        self._environment = environment
        self._directory = directory
        self._patience_seconds = patience_seconds
        self._reaper: subprocess.Popen[bytes] | None = None
        self.log = log
        self.pid = 0

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        report, pid_goes_here = os.pipe()
        with os.fdopen(report, "rb") as reader:
            try:
                self._reaper = self._start(pid_goes_here)
            finally:
                os.close(pid_goes_here)
            self.pid = int(reader.readline() or 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, report: int) -> subprocess.Popen[bytes]:
        # Isolated and without site-packages: nothing but the standard library, and a quick start.
        reaper = [sys.executable, "-I", "-S", str(_REAPER), str(os.getpid()), str(report)]
        with self.log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - the caller's own command, as a list, without a shell
                [*reaper, str(self._patience_seconds), *self._command],
                env=None if self._environment is None else dict(self._environment),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(report,),
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """Return None while it runs, else its exit code; 128 + N when signal N ended it."""
        return None if self._reaper is None else self._reaper.poll()

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when `is_ready` says so; raise ChildFailedError when the child has ended or time is up."""
        deadline = time.monotonic() + seconds
        while True:
            if self.exit_code is not None:
                raise ChildFailedError(self._explain(f"ended with exit code {self.exit_code}"))
            if is_ready():
                return
            if time.monotonic() > deadline:
                raise ChildFailedError(self._explain(f"is not ready after {seconds:g} s"))
            time.sleep(_POLL_SECONDS)

    def wait(self, *, seconds: float) -> None:
        """Return when the command has ended well; raise ChildFailedError when it has not, or time is up."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            if time.monotonic() > deadline:
                raise ChildFailedError(self._explain(f"is not finished after {seconds:g} s"))
            time.sleep(_POLL_SECONDS)
        if self.exit_code != 0:
            raise ChildFailedError(self._explain(f"ended with exit code {self.exit_code}"))

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once, so that several children can end side by side."""
        if self._reaper is not None and self._reaper.poll() is None:
            self._reaper.terminate()

    def stop(self) -> None:
        """Send SIGTERM, wait, then kill whatever descendant is left."""
        if self._reaper is None:
            return
        self.ask_to_stop()
        try:
            self._reaper.wait(self._patience_seconds + 5)
        except subprocess.TimeoutExpired:
            os.killpg(self._reaper.pid, signal.SIGKILL)
            self._reaper.wait()

    def kill(self) -> None:
        """Send SIGKILL to the command, as a crash would, and return when its descendants are killed too."""
        if self.pid and self.exit_code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def _explain(self, what: str) -> str:
        return f"{self.log.stem} {what}; the end of {self.log}:\n{log_tail(self.log)}"


def log_tail(log: Path) -> str:
    """Return the last lines of a log file."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])


def own_port(wanted: int | None) -> int:
    """Return the wanted port of 127.0.0.1, or any free one; raise PortTakenError when another listens on it.

    Without this look the other server would answer in place of ours, and seem to be it.
    """
    if wanted is None:
        return free_ports(1)[0]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port closed just now is free
        try:
            probe.bind((_LOOPBACK, wanted))
        except OSError as error:
            raise PortTakenError(f"port {wanted} of {_LOOPBACK}: {error.strerror}") from error
    return wanted


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((_LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
