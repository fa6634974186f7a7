"""`make up` as its user has it: first hour in the page, another shell, a service that dies, a new start."""

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from demo.lasting import kept_ports
from demo.stack import DAG_ID
from devstack.processes import free_ports
from tests.comparemaskface.browser import CHROMIUM, chromium
from tests.demo.page import sign_in, trigger
from tests.demo.running_up import running
from tests.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]


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
