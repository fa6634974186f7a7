import json

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.hooks.executors import executor_of_several_hosts
from maskmatch.hooks.tencent_iai import TencentIaiHook


@pytest.mark.parametrize(
    ("executors", "several"),
    [
        ("LocalExecutor", None),
        ("SequentialExecutor", None),
        (" LocalExecutor , ", None),
        ("airflow.executors.local_executor.LocalExecutor", None),
        ("mine:LocalExecutor", None),
        ("LocalExecutor;team1=LocalExecutor", None),
        ("CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor, KubernetesExecutor", "KubernetesExecutor"),
        ("LocalExecutor:CeleryExecutor", "CeleryExecutor"),
        ("mine:acme.executors.LocalExecutor", "acme.executors.LocalExecutor"),
        ("LocalExecutor;team1=LocalExecutor,EdgeExecutor", "EdgeExecutor"),
        ("=LocalExecutor;team1=mine:acme.Executor", "acme.Executor"),
        ("LocalKubernetesExecutor", "LocalKubernetesExecutor"),
    ],
)
def test_all_but_the_executors_of_one_host_may_run_tasks_on_several(executors, several):
    assert executor_of_several_hosts(executors, {}) == several


def test_a_pod_of_the_kubernetes_executor_is_known_though_it_is_told_another():
    environment = {"AIRFLOW_IS_K8S_EXECUTOR_POD": "True"}
    assert executor_of_several_hosts("LocalExecutor", environment) == "KubernetesExecutor"


@pytest.fixture
def settings_with(monkeypatch):
    """Return a function that reads a connection with this extra, under an executor."""
    monkeypatch.delenv("MASKMATCH_PERMIT_STORE", raising=False)

    def read(executor, extra):
        whole = {"conn_type": "tencent_iai", "login": "AKIDtest", "password": "a-key", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(whole))
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
        return TencentIaiHook().get_settings()

    return read


@pytest.mark.parametrize("extra", [{}, {"permit_store": ""}, {"permit_store": None}])
def test_the_default_file_is_refused_where_tasks_may_run_on_several_hosts(settings_with, extra):
    with pytest.raises(WrongSetting) as caught:
        settings_with("LocalExecutor,CeleryExecutor", extra)
    text = str(caught.value)
    assert text.startswith("connection tencent_iai_default: no permit store is set")
    for part in (
        "CeleryExecutor",
        "redis://host",
        "postgresql://",
        "if one host runs all tasks, to sqlite:////",
    ):
        assert part in text
    assert settings_with("LocalExecutor", extra).permit_store.endswith("/.maskmatch/permits.sqlite3")


@pytest.mark.parametrize("address", ["redis://cache/0", "sqlite:////var/lib/maskmatch/permits.sqlite3"])
def test_a_permit_store_that_is_named_is_taken_under_any_executor(settings_with, monkeypatch, address):
    assert settings_with("CeleryExecutor", {"permit_store": address}).permit_store == address
    monkeypatch.setenv("MASKMATCH_PERMIT_STORE", address)
    assert settings_with("CeleryExecutor", {}).permit_store == address
