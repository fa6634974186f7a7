import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from devstack.airflow import AirflowStack
from devstack.airflow_api import AirflowApi, AirflowApiError
from tests.devstack.processes_seen import family, is_running, listening_addresses

pytestmark = pytest.mark.server

DAGS = {
    "trivial.py": """
from datetime import UTC, datetime
from airflow.sdk import BaseHook, dag, task

@task
def read_connection():
    return BaseHook.get_connection("store").host

@task
def greet(host, dag_run=None):
    print("hello", host, dag_run.conf.get("name"))

@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def trivial():
    greet(read_connection())

trivial()
""",
    "failing.py": """
from airflow.sdk import dag, task

@task
def break_down():
    raise RuntimeError("the wheel came off")

@dag(schedule=None)
def failing():
    break_down()

failing()
""",
    "unreadable.py": "from airflow.sdk import dag\nimport no_such_module\n",
}
DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """Run one Airflow for the module, and see afterwards that nothing of it is left."""
    folder = tmp_path_factory.mktemp("dags")
    for name, text in DAGS.items():
        (folder / name).write_text(text)
    home = tmp_path_factory.mktemp("airflow")
    (home / "migrated").write_text(version("apache-airflow-core"))  # of a database that was deleted since
    stack = AirflowStack(
        home,
        dags=folder,
        connections={"store": {"conn_type": "aws", "host": "a.store", "password": "canary-8d41f0"}},
        follows_schedules=False,
    )
    with stack:
        stack.wait_for_dag("trivial")
        yield stack
        everyone = family(*stack.pids.values())
    assert len(everyone) > 3
    assert not [pid for pid in everyone if is_running(pid)]


def test_a_run_succeeds_with_its_connection_and_its_configuration(airflow):
    airflow.unpause("trivial")
    run_id = airflow.trigger("trivial", DAY, {"name": "Ann"})
    looks: list[list] = []
    assert airflow.wait("trivial", run_id, seconds=60, on_progress=looks.append) == "success"
    assert {task["task_id"]: task["state"] for task in looks[-1]} == {
        "read_connection": "success",
        "greet": "success",
    }
    assert "hello a.store Ann" in airflow.task_log("trivial", run_id, "greet")


def test_a_failed_run_says_so_and_its_log_says_why(airflow):
    airflow.wait_for_dag("failing")
    airflow.unpause("failing")
    run_id = airflow.trigger("failing", None)
    assert airflow.wait("failing", run_id, seconds=60) == "failed"
    assert "the wheel came off" in airflow.task_log("failing", run_id, "break_down")


def test_a_backfill_runs_each_day_once(airflow):
    airflow.unpause("trivial")
    first, last = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC)
    backfill = airflow.backfill("trivial", first, last, max_active_runs=3)
    airflow.wait_for_backfill(backfill, seconds=120)
    runs = [run for run in airflow.runs("trivial") if run["run_type"] == "backfill"]
    assert [run["logical_date"][:10] for run in runs] == ["2026-02-01", "2026-02-02", "2026-02-03"]
    assert {run["state"] for run in runs} == {"success"}


def test_a_file_that_cannot_be_imported_is_the_cause_given_for_a_missing_dag(airflow):
    with pytest.raises(AirflowApiError, match="no_such_module"):
        airflow.wait_for_dag("unreadable", seconds=0.5)


def test_a_run_that_takes_too_long_is_reported_with_its_state(airflow):
    run_id = airflow.trigger("failing", None)
    with pytest.raises(AirflowApiError, match=r"of failing is still (queued|running) after 0 s"):
        airflow.wait("failing", run_id, seconds=0)


def test_a_refusal_names_the_request(airflow):
    with pytest.raises(AirflowApiError, match=r"POST /dags/missing/dagRuns: 404"):
        airflow.trigger("missing", DAY)


def test_a_wrong_password_is_refused(airflow):
    stranger = AirflowApi(url=airflow.url, user="admin", password="wrong")
    with pytest.raises(AirflowApiError, match="refused the password of admin"):
        stranger.import_errors()
    stranger.close()


def test_nobody_is_let_in_without_a_password(airflow):
    assert httpx.get(f"{airflow.url}/api/v2/dags", trust_env=False).status_code == 401


def test_everything_listens_on_loopback_only(airflow):
    assert listening_addresses(family(*airflow.pids.values())) == {"127.0.0.1"}


def test_the_command_line_sees_the_same_installation(airflow):
    command = [sys.executable, "-m", "airflow", "dags", "list", "--output", "plain"]
    listed = subprocess.check_output(command, env=airflow.environment, text=True)
    assert "trivial" in listed


def test_no_log_holds_a_secret_and_its_files_are_private(airflow):
    home = Path(airflow.environment["AIRFLOW_HOME"])
    names = ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET")
    secrets = ["canary-8d41f0", airflow.password, *(airflow.environment[f"AIRFLOW__{it}"] for it in names)]
    logs = [path.read_text(errors="replace") for path in (home / "logs").rglob("*.log")]
    assert len(logs) > 4
    assert not [secret for secret in secrets for log in logs if secret in log]
    assert {path.stat().st_mode & 0o777 for path in (home / "secrets").iterdir()} == {0o600}


def test_a_database_of_this_version_is_not_migrated_again(airflow):
    home = Path(airflow.environment["AIRFLOW_HOME"])
    before = (home / "logs" / "db-migrate.log").stat().st_mtime_ns
    airflow.migrate()
    assert (home / "logs" / "db-migrate.log").stat().st_mtime_ns == before


def test_another_airflows_settings_are_not_inherited(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_FOREIGN", "{}")
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "99")
    stack = AirflowStack(tmp_path, settings={"AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": "7"})
    environment = stack.environment
    stack.close()
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "4"
    assert environment["AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT"] == "7"
    assert "AIRFLOW_CONN_FOREIGN" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def test_a_scheduler_that_ends_by_itself_is_started_again(airflow):
    airflow.unpause("trivial")
    ended = airflow.pids["scheduler"]
    os.kill(ended, signal.SIGKILL)
    run_id = airflow.trigger("trivial", datetime(2026, 1, 9, tzinfo=UTC))
    assert airflow.wait("trivial", run_id, seconds=120) == "success"
    assert airflow.pids["scheduler"] != ended
