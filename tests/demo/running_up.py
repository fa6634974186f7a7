"""A running `make up`, as its user has it."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.airflow_api import AirflowApi
from tests.devstack.processes_seen import family, is_running


@dataclass
class Up:
    """A running `make up`, and the folder with its state."""

    process: "subprocess.Popen[str]"
    state: Path

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.state / "environment").read_text().splitlines()
        words = [shlex.split(line)[1].partition("=") for line in lines]
        return {name: value for name, _, value in words if name != "PATH"}

    @property
    def url(self) -> str:
        return self.environment["AIRFLOW__API__BASE_URL"]

    @property
    def service(self) -> str:
        return f"http://{self.environment['MASKMATCH_ENDPOINT']}"

    @property
    def password(self) -> str:
        return (self.state / "airflow" / "secrets" / "admin").read_text().strip()

    def api(self) -> AirflowApi:
        return AirflowApi(url=self.url, user="admin", password=self.password)

    def said(self, words: str) -> str:
        """Return the next line that holds these words."""
        heard = []
        for line in self.process.stdout or ():
            heard.append(line)
            if words in line:
                return line
        raise AssertionError(f"it has ended and has not said {words!r}, but:\n{''.join(heard[-30:])}")

    def in_another_shell(self, command: str) -> str:
        """Return what a command says in a shell that has nothing but the environment file."""
        words = ["sh", "-ec", f". {self.state}/environment; cd /; {command}"]
        bare = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]}
        return subprocess.check_output(words, env=bare, text=True, stderr=subprocess.STDOUT)


@contextmanager
def running(
    folder: Path, command: Sequence[str] = (sys.executable, "-m", "demo.up"), **options: Any
) -> Iterator[Up]:
    """Start `make up` with its state in a folder; afterwards see that Ctrl-C leaves nothing of it."""
    process = subprocess.Popen(
        command,
        env=os.environ | {"MASKMATCH_STATE": str(folder)},
        **options,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    up = Up(process, folder / "up")
    everyone = []
    try:
        up.said("Ctrl-C stops everything")
        yield up
        everyone = family(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(everyone) > 6
    assert not [pid for pid in everyone if is_running(pid)]
