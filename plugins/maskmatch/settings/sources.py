"""Where settings are entered: connections, variables and options, Params and arguments of operators."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from maskmatch.core.errors import WrongSetting
from maskmatch.settings import store_fields
from maskmatch.settings.account_fields import VARIABLES
from maskmatch.settings.fields import Entered, check_names, nearest

_PREFIX = "MASKMATCH_"
KNOWN_VARIABLES = frozenset(
    {
        *VARIABLES.values(),
        *(name for names in store_fields.VARIABLES.values() for name in names),
        *(store_fields.profile_variable(place) for place in store_fields.PLACES),
        "MASKMATCH_SOURCE",
        "MASKMATCH_WAREHOUSE",
        "MASKMATCH_CONNECTION",
        "MASKMATCH_SOURCE_CONN_ID",
        "MASKMATCH_WAREHOUSE_CONN_ID",
    }
)
"""All variables that are read, here and in the Dag."""


def in_connection(conn_id: str, named: Mapping[str, object], extra: str | None) -> dict[str, Entered]:
    """Return what a connection holds: `named` by what the form calls it, and the fields of its extra."""
    place = f"connection {conn_id}"
    found = {name: Entered(value, f"{place}, field {name}") for name, value in _fields(extra, place).items()}
    return {**found, **{name: Entered(value, f"{place}, {name}") for name, value in named.items()}}


def _fields(extra: str | None, place: str) -> dict[str, Any]:
    if not extra or not extra.strip():
        return {}
    try:
        fields = json.loads(extra)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise WrongSetting(f"{place}: its extra is not a JSON object such as {{}}")
    return fields


def in_variables(variables: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Entered]:
    """Return what the variables of some fields hold."""
    return {
        name: Entered(environment[variable], f"variable {variable}")
        for name, variable in variables.items()
        if variable in environment
    }


def in_options(names: Iterable[str], given: Mapping[str, object]) -> dict[str, Entered]:
    """Return the options that were given on the command line."""
    return {
        name: Entered(given[name], f"option --{name.replace('_', '-')}")
        for name in names
        if given.get(name) is not None
    }


def check_variables(environment: Mapping[str, str]) -> None:
    """Raise WrongSetting for a variable that is written almost as one of ours."""
    ours = [name.removeprefix(_PREFIX) for name in KNOWN_VARIABLES]
    for variable in environment:
        name = variable.removeprefix(_PREFIX)
        if name != variable and variable not in KNOWN_VARIABLES and nearest(name, ours):
            check_names([variable], KNOWN_VARIABLES, place="the environment")
