"""The two files of Compose and what belongs to them, with a mark in place of every variable."""

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


def connections(text: str) -> dict[str, str]:
    """Return the connections of ours that who runs tasks has."""
    environments = [service.get("environment", {}) for service in filled(text)["services"].values()]
    (environment,) = (each for each in environments if "AIRFLOW_CONN_TENCENT_IAI_DEFAULT" in each)
    ours = ("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", "AIRFLOW_CONN_MASKMATCH_STORAGE")
    return {name: environment[name] for name in ours}
