"""The two files of Compose and what belongs to them, with a mark in place of every variable."""

import json
import re

import yaml

from devstack.project import project_root

ROOT = project_root()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SMALL = (ROOT / "docker-compose.small.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[?-][^}]*)?\}")
MARK = "drawn-for-this-test"
UNDOCUMENTED = {"num_stuck_in_queued_retries"}
"""Settings that Airflow's scheduler reads, though no list of Airflow has them."""


def filled(text: str) -> dict:
    return yaml.safe_load(VARIABLE.sub(MARK, text))


SERVICES = filled(COMPOSE)["services"]
SMALL_SERVICES = filled(SMALL)["services"]


TENCENT = "AIRFLOW_CONN_TENCENT_IAI_DEFAULT"


def accounts(services: dict) -> dict[str, dict]:
    """Return the connection to the vendor of each service that has one."""
    environments = {name: service.get("environment", {}) for name, service in services.items()}
    return {name: json.loads(found[TENCENT]) for name, found in environments.items() if TENCENT in found}


def connections(text: str) -> dict[str, str]:
    """Return the connections of ours that who runs tasks has."""
    ours = (TENCENT, "AIRFLOW_CONN_MASKMATCH_STORAGE")
    environments = [service.get("environment", {}) for service in filled(text)["services"].values()]
    (environment,) = (each for each in environments if each.keys() >= {*ours})
    return {name: environment[name] for name in ours}
