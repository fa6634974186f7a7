"""The values for Airflow's Helm chart: what they say, as far as it can be told without a cluster."""

import json
import re

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.configuration import retrieve_configuration_description
from jsonschema import Draft7Validator

from devstack.project import project_root
from maskmatch.pipeline.compare import DRAIN_SECONDS
from tests.project.compose import UNDOCUMENTED

FOLDER = project_root() / "deploy" / "kubernetes"
README = (FOLDER / "README.md").read_text()
VALUES = {
    name: yaml.safe_load((FOLDER / name).read_text())
    for name in ("values.yaml", "celery.yaml", "kubernetes.yaml")
}
HELM = (project_root() / "docs" / "install.md").read_text().split("## Helm")[1]
DOCUMENTED = yaml.safe_load(HELM.split("```")[1])
OF_PROVIDERS = ("celery", "kubernetes")
AIRFLOW_KILLS_SECONDS = 5
"""After on_kill, of Airflow."""


@pytest.mark.parametrize("name", VALUES)
def test_airflow_knows_every_setting(name):
    known = retrieve_configuration_description()
    said = [(section, option) for section, values in VALUES[name]["config"].items() for option in values]
    # Those of a provider are known where it is installed.
    ours = [each for each in said if each[0] in known or not each[0].startswith(OF_PROVIDERS)]
    assert [each for each in ours if each[1] not in {*known[each[0]]["options"], *UNDOCUMENTED}] == []


@pytest.mark.parametrize(("name", "kind"), [("celery.yaml", "celery"), ("kubernetes.yaml", "kubernetes")])
def test_a_pod_has_more_time_to_end_than_a_task_needs_and_limits(name, kind):
    (workers,) = VALUES[name]["workers"].items()
    assert workers[0] == kind
    assert workers[1]["terminationGracePeriodSeconds"] > 2 * (DRAIN_SECONDS + AIRFLOW_KILLS_SECONDS)
    assert workers[1]["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}


def test_both_settings_of_the_secrets_backend_are_the_same_and_readable():
    config = VALUES["values.yaml"]["config"]
    assert config["workers"]["secrets_backend"] == config["secrets"]["backend"]
    assert config["workers"]["secrets_backend_kwargs"] == config["secrets"]["backend_kwargs"]
    assert "connections_path" in json.loads(config["secrets"]["backend_kwargs"])


def test_the_api_server_reads_connections_of_its_own_by_a_role_that_is_not_that_of_tasks():
    (said,) = VALUES["values.yaml"]["apiServer"]["env"]
    assert said["name"] == "AIRFLOW__SECRETS__BACKEND_KWARGS"
    of_tasks = json.loads(VALUES["values.yaml"]["config"]["secrets"]["backend_kwargs"])
    own = json.loads(said["value"])
    assert {name for name in of_tasks | own if of_tasks.get(name) != own.get(name)} == {
        "connections_path", "kubernetes_role"
    }  # fmt: skip
    assert f"`airflow/{own['connections_path']}`" in README
    assert f"`{own['kubernetes_role']}`" in README


def test_in_the_values_of_the_document_the_keys_reach_those_who_run_tasks_alone():
    everywhere = {"secret", "env", "extraEnv", "extraEnvFrom", "extraSecrets"}
    assert not everywhere & DOCUMENTED.keys()
    assert DOCUMENTED["executor"] == "KubernetesExecutor"
    parts = {"workers": DOCUMENTED["workers"]["kubernetes"], "apiServer": DOCUMENTED["apiServer"]}
    by_part = {
        part: {each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in said["env"]}
        for part, said in parts.items()
    }
    account = "AIRFLOW_CONN_TENCENT_IAI_DEFAULT"
    assert by_part == {
        "workers": {account: "account", "AIRFLOW_CONN_MASKMATCH_STORAGE": "storage"},
        "apiServer": {account: "page"},
    }


def test_no_secret_is_written_down_and_every_secret_that_is_named_is_explained():
    text = "".join((FOLDER / name).read_text() for name in VALUES)
    named = re.findall(r"(?:SecretName|metadataSecretName|jwtSecretName): ([\w-]+)", text)
    assert len(named) == 5
    assert all(f"`{name}`" in README for name in named)
    assert not re.search(r"(?i)(password|secret_?key|token): *[\"']?\w", re.sub(r"\w+SecretName", "", text))


def merged(name):
    def over(below, above):
        both = below.keys() & above.keys()
        deep = {key: over(below[key], above[key]) for key in both if isinstance(below[key], dict)}
        return below | above | deep

    return over(VALUES["values.yaml"], VALUES[name])


@pytest.mark.parametrize("values", [merged("celery.yaml"), merged("kubernetes.yaml"), DOCUMENTED])
def test_the_chart_has_a_place_for_every_value(values):
    schema = json.loads((project_root() / "tests" / "project" / "chart-values.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(values)] == []


PARTS = [("scheduler",), ("triggerer",), ("dagProcessor",)]
PROBES = [
    *(("kubernetes.yaml", *part, "livenessProbe") for part in PARTS),
    ("celery.yaml", "scheduler", "startupProbe"),
    ("celery.yaml", "workers", "celery", "livenessProbe"),
]


def at(values, *place):
    for name in place:
        values = values[name]
    return values


@pytest.mark.parametrize("place", PROBES)
def test_a_probe_runs_what_our_image_has(place):
    words = at(merged(place[0]), *place[1:])["command"]
    if words[0] == "airflow":
        get_parser().parse_args(words[1:])
    else:
        assert words[:2] == ["sh", "-c"]
        assert "python -m celery --app airflow.providers.celery.executors.celery_executor.app" in words[2]


@pytest.mark.parametrize("place", [*PARTS, ("workers", "celery")])
def test_no_sidecar_runs_a_script_of_another_image(place):
    assert at(merged("celery.yaml"), *place)["logGroomerSidecar"] == {"enabled": False}
    text = "".join((FOLDER / name).read_text() for name in VALUES)
    assert not re.search(r"^[^#]*(/entrypoint|/clean-logs)", text, re.MULTILINE)


def test_no_user_with_a_known_password_is_made_and_the_first_one_is_told():
    assert VALUES["values.yaml"]["createUserJob"] == {"enabled": False, "defaultUser": {"enabled": False}}
    assert "airflow users create" in README


def test_the_image_hands_a_stop_to_the_main_process_alone():
    dockerfile = (project_root() / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["tini", "-s", "--"]' in dockerfile.split("AS airflow\n")[1]
