"""Where settings are entered: connections, variables and options, Params and arguments of operators."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from maskmatch.core import renamed
from maskmatch.core.errors import WrongSetting
from maskmatch.core.renamed import CONNECTION_FIELDS, refuse_renamed
from maskmatch.settings import store_fields
from maskmatch.settings.account_fields import VARIABLES
from maskmatch.settings.fields import Entered, Field, check_names, nearest

_OURS, _VENDOR = "MASKMATCH_", "TENCENTCLOUD_"
KNOWN_VARIABLES = frozenset(
    {
        *VARIABLES.values(),
        *(name for names in store_fields.VARIABLES.values() for name in names),
        *(store_fields.profile_variable(place) for place in store_fields.PLACES),
        store_fields.TABLE_MODE_VARIABLE,
        "MASKMATCH_SOURCE",
        "MASKMATCH_WAREHOUSE",
        "MASKMATCH_CONNECTION",
        "MASKMATCH_PAGE_CONNECTIONS",
    }
)
"""All variables that are read."""
OTHER_PROGRAMS = frozenset(
    {
        *renamed.VARIABLES,  # refused with their names of today
        "MASKMATCH_SERVICE_SECRET_ID",
        "MASKMATCH_SERVICE_SECRET_KEY",
        "MASKMATCH_REAL_ENDPOINT",
        "MASKMATCH_REAL_SECRET_ID",
        "MASKMATCH_REAL_SECRET_KEY",
        "MASKMATCH_POSTGRES",
        "MASKMATCH_REDIS",
        "MASKMATCH_STATE",
        "MASKMATCH_WEED",
    }
)
"""Variables of the local service, of what is started for development, and of the tests."""
_OF_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_[A-Z]+(_PROTO|_PORT|_ADDR)?)?)$")
"""What a pod is told of a Service called maskmatch or maskmatch-...:
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""
_OF_TERRAFORM = frozenset({"TENCENTCLOUD_PROTOCOL", "TENCENTCLOUD_DOMAIN"})
_OF_BOTO = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def in_connection(
    place: str, named: Mapping[str, Entered], extra: str | None, *, fields: Iterable[Field]
) -> dict[str, Entered]:
    """Return what a connection holds by field: `named`, what its form has of its own, and its extra.

    Every one of the extra's `fields` is there. Raise WrongSetting for a name that is not known.
    """
    names = [field.name for field in fields]
    found = _object(extra, place)
    refuse_renamed(found, CONNECTION_FIELDS, kind="field")
    check_names(found, names, place=f"{place}, extra")
    return {**{name: Entered(found.get(name), f"{place}, field {name}") for name in names}, **named}


def _object(extra: str | None, place: str) -> dict[str, Any]:
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


def in_variable(name: str) -> str | None:
    """Return what a variable of this process holds, without blanks around it; None for nothing."""
    return os.environ.get(name, "").strip() or None


def check_variables(environment: Mapping[str, str]) -> None:
    """Raise WrongSetting for a variable that is named as ours are and that nobody reads."""
    for variable in environment:
        is_ours = variable.startswith(_OURS) and variable not in OTHER_PROGRAMS
        if is_ours and not _OF_KUBERNETES.search(variable):
            check_names([variable], KNOWN_VARIABLES, place="the environment")


def check_vendor_variables(environment: Mapping[str, str]) -> None:
    """Raise WrongSetting for a variable of the vendor's that is written almost as one that is read.

    The vendor's other programs have variables of their own, so only what is nearly ours is told, and only
    where ours is not set.
    """
    meant = dict(VARIABLES) | {
        variable.removeprefix(_VENDOR).lower(): variable
        for variable in VARIABLES.values()
        if variable.startswith(_VENDOR)
    }
    known = {*VARIABLES.values(), *_OF_TERRAFORM}
    for variable in environment:
        if not variable.startswith(_VENDOR) or variable in known:
            continue
        near = nearest(variable.removeprefix(_VENDOR), meant)
        if near and meant[near] not in environment:
            raise WrongSetting(f"the environment: {variable} is not read: did you mean {meant[near]}?")


def check_blanks(environment: Mapping[str, str]) -> None:
    """Raise WrongSetting for a variable of AWS with a blank around its value, which boto3 would keep."""
    names = {*_OF_BOTO, *(name for names in store_fields.VARIABLES.values() for name in names)}
    for name in sorted(names & {*environment}):
        value = environment[name]
        if name.startswith("AWS_") and value != value.strip():
            cure = "enter it without" if value.strip() else "unset it, or enter a value"
            raise WrongSetting(f"variable {name}: it has a blank around its value: {cure}")
