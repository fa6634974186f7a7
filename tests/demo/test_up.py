"""`make up` as its user has it: first hour in the page, another shell, a service that dies, a new start."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from demo.lasting import kept_ports
from demo.stack import DAG_ID
from devstack.airflow_api import AirflowApi
from devstack.processes import free_ports
from tests.comparemaskface.browser import CHROMIUM, chromium
from tests.demo.page import sign_in, trigger
from tests.devstack.processes_seen import family, is_running
from tests.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]


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
        return next(line for line in self.process.stdout if words in line)

    def in_another_shell(self, command: str) -> str:
        """Return what a command says in a shell that has nothing but the environment file."""
        words = ["sh", "-ec", f". {self.state}/environment; cd /; {command}"]
        bare = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]}
        return subprocess.check_output(words, env=bare, text=True, stderr=subprocess.STDOUT)


@contextmanager
def running(folder: Path) -> Iterator[Up]:
    """Start `make up`; afterwards see that Ctrl-C leaves nothing of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.up"],
        env=os.environ | {"MASKMATCH_STATE": str(folder)},
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


def test_the_first_hour_ends_green_and_goes_on_after_a_new_start(folder, tmp_path):
    if not CHROMIUM.exists():
        pytest.skip("apt-get install chromium")
    with running(folder) as up, closing(up.api()) as api:
        first = up.environment
        with chromium(tmp_path) as tab:
            sign_in(tab, up.url, up.password)
            trigger(tab, up.url, DAG_ID)  # which unpauses the Dag too, and so starts the scheduled run
        wait_until(lambda: len(api.runs(DAG_ID)) == 2, "a scheduled run and one by hand", seconds=120)
        runs = [run["dag_run_id"] for run in api.runs(DAG_ID)]
        assert {run.partition("__")[0] for run in runs} == {"scheduled", "manual"}
        assert [api.wait(DAG_ID, run, seconds=600) for run in runs] == ["success", "success"]
        logs = [api.task_log(DAG_ID, run, "compare", map_index=0) for run in runs]
        assert (
            len([log for log in logs if " 0 calls billed" in log]) == 1
        )  # one pays, the other finds all done
        see_another_shell(up)
        see_the_service_die(up)
    with running(folder) as up, closing(up.api()) as api:
        ports = ("AIRFLOW__API__BASE_URL", "MASKMATCH_ENDPOINT", "AWS_ENDPOINT_URL")
        assert [up.environment[name] for name in ports] == [first[name] for name in ports]
        assert [api.run_state(DAG_ID, run) for run in runs] == ["success", "success"]
        again = api.trigger(DAG_ID, datetime.now(UTC))
        assert api.wait(DAG_ID, again, seconds=600) == "success"


def see_another_shell(up):
    listed = up.in_another_shell("airflow connections list --output plain")
    assert {"tencent_iai_default", "maskmatch_storage"} <= set(re.findall(r"^\w+", listed, re.MULTILINE))
    assert "2 slots are left for nightly runs" in up.in_another_shell(
        "maskmatch doctor --connection tencent_iai_default"
    )
    assert "nightly" in up.in_another_shell("maskmatch quota")
    assert (up.state / "environment").stat().st_mode & 0o777 == 0o600


def see_the_service_die(up):
    children = psutil.Process(up.process.pid).children(recursive=True)
    service = next(each for each in children if "comparemaskface" in each.cmdline())
    service.kill()
    up.said("the local service had ended and is started again")
    assert httpx.get(f"{up.service}/health", trust_env=False).is_success


def test_ports_are_kept_and_one_that_is_wanted_goes_before(tmp_path):
    drawn = kept_ports(tmp_path / "ports.json", {})
    assert kept_ports(tmp_path / "ports.json", {}) == drawn
    wanted = free_ports(1)[0]
    assert kept_ports(tmp_path / "ports.json", {"airflow": wanted}) == {**drawn, "airflow": wanted}
