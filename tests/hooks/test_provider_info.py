"""What Airflow is told of the package, as its provider entry point."""

import importlib
import json
import pkgutil
from importlib.resources import files

import jsonschema
import pytest
from airflow.executors.base_executor import BaseExecutor
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseHook, BaseNotifier, BaseOperator, BaseOperatorLink, BaseSensorOperator
from airflow.secrets import BaseSecretsBackend
from airflow.timetables.base import Timetable
from airflow.triggers.base import BaseTrigger

import maskmatch
from maskmatch.get_provider_info import get_provider_info
from maskmatch.plugin import MaskmatchPlugin

INFO = get_provider_info()
BY_MODULE = {
    "operators": BaseOperator, "sensors": BaseSensorOperator, "hooks": BaseHook, "triggers": BaseTrigger,
}  # fmt: skip
BY_CLASS = {
    "extra-links": BaseOperatorLink, "notifications": BaseNotifier, "plugins": AirflowPlugin,
    "secrets-backends": BaseSecretsBackend, "executors": BaseExecutor,
}  # fmt: skip
"""Parts of what a provider tells that name modules, and those that name classes."""


def test_it_is_what_airflow_asks_of_a_provider():
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


@pytest.fixture(scope="module")
def classes():
    """Return all classes of the package, but for the bases of our operators."""
    modules = [
        importlib.import_module(each.name)
        for each in pkgutil.walk_packages(maskmatch.__path__, "maskmatch.")
        if not each.name.endswith(("__main__", "operators.base"))
    ]
    found = [(module, each) for module in modules for each in vars(module).values() if isinstance(each, type)]
    return [each for module, each in found if each.__module__ == module.__name__]


def of_kind(classes, base):
    return [each for each in classes if base in each.__mro__]


@pytest.mark.parametrize(("part", "base"), BY_MODULE.items())
def test_every_module_with_a_class_of_airflows_kinds_is_named(classes, part, base):
    named = {name for each in INFO.get(part, ()) for name in each["python-modules"]}
    assert named == {each.__module__ for each in of_kind(classes, base)}


@pytest.mark.parametrize(("part", "base"), BY_CLASS.items())
def test_every_class_of_airflows_kinds_is_named(classes, part, base):
    told = INFO.get(part, ())
    named = {each["plugin-class"] if isinstance(each, dict) else each for each in told}
    assert named == {f"{each.__module__}.{each.__qualname__}" for each in of_kind(classes, base)}


def test_every_timetable_is_in_the_plugin(classes):
    assert set(MaskmatchPlugin.timetables) == set(of_kind(classes, Timetable))
    assert {each["name"] for each in INFO["plugins"]} == {MaskmatchPlugin.name}


def test_every_integration_is_described_and_every_hook_can_be_loaded():
    integrations = {each["integration-name"] for each in INFO["integrations"]}
    assert {
        each["integration-name"] for part in ("operators", "hooks") for each in INFO[part]
    } <= integrations
    for kind in INFO["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert (hook.conn_type, hook.hook_name) == (kind["connection-type"], kind["hook-name"])
