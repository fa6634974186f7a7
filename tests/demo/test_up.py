"""`make up` as its user has it: first hour in the page, another shell, a service that dies, a new start."""

import re
from contextlib import closing

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

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1800)]
PORTS = ("AIRFLOW__API__BASE_URL", "MASKMATCH_ENDPOINT", "AWS_ENDPOINT_URL")
SECONDS = 600


@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium")
def test_the_first_hour_ends_green_and_is_there_after_a_new_start(tmp_path):
    with running(tmp_path) as up, closing(up.api()) as api:
        ports = [up.environment[name] for name in PORTS]
        runs = runs_of_the_first_hour(up, api, tmp_path)
        see_another_shell(up)
        see_the_service_die_twice(up)
    with running(tmp_path) as up, closing(up.api()) as api:
        assert [up.environment[name] for name in PORTS] == ports
        assert [api.run_state(DAG_ID, run) for run in runs] == ["success", "success"]


def runs_of_the_first_hour(up, api, folder):
    """Trigger with all as it is preset, which unpauses the Dag and so starts the scheduled run, too."""
    with chromium(folder) as tab:
        sign_in(tab, up.url, up.password)
        trigger(tab, up.url, DAG_ID)
    wait_until(
        lambda: len(api.runs(DAG_ID)) == 2, "a scheduled run and one by hand", seconds=SECONDS, every=0.5
    )
    runs = [run["dag_run_id"] for run in api.runs(DAG_ID)]
    assert {run.partition("__")[0] for run in runs} == {"scheduled", "manual"}
    assert [api.wait(DAG_ID, run, seconds=SECONDS) for run in runs] == ["success", "success"]
    logs = [api.task_log(DAG_ID, run, "compare", map_index=0) for run in runs]
    billed = [int(re.findall(r", (\d+) calls billed", log)[-1]) for log in logs]
    assert min(billed) == 0 < max(billed)  # one pays, and the other finds all done
    return runs


def see_another_shell(up):
    listed = up.in_another_shell("airflow connections list --output plain")
    assert {"tencent_iai_default", "maskmatch_storage"} <= set(re.findall(r"^\w+", listed, re.MULTILINE))
    told = up.in_another_shell("maskmatch doctor --connection tencent_iai_default")
    assert "2 slots are left for nightly runs" in told
    assert "nightly" in up.in_another_shell("maskmatch quota")
    assert (up.state / "environment").stat().st_mode & 0o777 == 0o600


def see_the_service_die_twice(up):
    for _ in range(2):  # the one that was started anew is watched, too
        children = psutil.Process(up.process.pid).children(recursive=True)
        next(each for each in children if each.cmdline()[1:3] == ["-m", "comparemaskface"]).kill()
        up.said("the local service had ended and is started again")
        assert httpx.get(f"{up.service}/health", trust_env=False).is_success


def test_ports_are_kept_and_one_that_is_wanted_goes_before(tmp_path):
    drawn = kept_ports(tmp_path / "ports.json", {})
    assert kept_ports(tmp_path / "ports.json", {}) == drawn
    wanted = free_ports(1)[0]
    assert kept_ports(tmp_path / "ports.json", {"airflow": wanted}) == {**drawn, "airflow": wanted}
