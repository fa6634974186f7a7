"""The values for Airflow's Helm chart: what they say, as far as it can be told without a cluster."""

import json
import re

import pytest
import yaml
from airflow.configuration import retrieve_configuration_description

from devstack.project import project_root
from maskmatch.pipeline.compare import DRAIN_SECONDS
from tests.project.compose import UNDOCUMENTED

FOLDER = project_root() / "deploy" / "kubernetes"
README = (FOLDER / "README.md").read_text()
VALUES = {
    name: yaml.safe_load((FOLDER / name).read_text())
    for name in ("values.yaml", "celery.yaml", "kubernetes.yaml")
}
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


def test_no_secret_is_written_down_and_every_secret_that_is_named_is_explained():
    text = "".join((FOLDER / name).read_text() for name in VALUES)
    named = re.findall(r"(?:SecretName|metadataSecretName|jwtSecretName): ([\w-]+)", text)
    assert len(named) == 5
    assert all(f"`{name}`" in README for name in named)
    assert not re.search(r"(?i)(password|secret_?key|token): *[\"']?\w", re.sub(r"\w+SecretName", "", text))


def test_the_image_hands_a_stop_to_the_main_process_alone():
    dockerfile = (project_root() / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["tini", "-s", "--"]' in dockerfile.split("AS airflow\n")[1]
