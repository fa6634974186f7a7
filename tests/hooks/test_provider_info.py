"""What Airflow is told of the package, as its provider entry point."""

import importlib
import json
import pkgutil
from importlib.resources import files

import jsonschema
from airflow.sdk import BaseHook, BaseOperator

from maskmatch.get_provider_info import get_provider_info

INFO = get_provider_info()


def test_it_is_what_airflow_asks_of_a_provider():
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_every_module_with_an_operator_or_a_hook_is_named():
    named = {
        name for part in ("operators", "hooks") for each in INFO[part] for name in each["python-modules"]
    }
    rooms = {"maskmatch.operators": BaseOperator, "maskmatch.hooks": BaseHook}
    found = {
        f"{room}.{each.name}"
        for room, base in rooms.items()
        for each in pkgutil.iter_modules(importlib.import_module(room).__path__)
        if each.name != "base" and _defines(f"{room}.{each.name}", base)
    }
    assert named == found


def _defines(module, base):
    found = vars(importlib.import_module(module)).values()
    return any(
        isinstance(each, type) and issubclass(each, base) and each.__module__ == module for each in found
    )


def test_every_integration_is_described_and_every_hook_can_be_loaded():
    integrations = {each["integration-name"] for each in INFO["integrations"]}
    assert {
        each["integration-name"] for part in ("operators", "hooks") for each in INFO[part]
    } <= integrations
    for kind in INFO["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert (hook.conn_type, hook.hook_name) == (kind["connection-type"], kind["hook-name"])
