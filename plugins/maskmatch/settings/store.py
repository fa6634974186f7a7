"""From what was entered about a store, in a connection or in variables, to its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.reach import Reach
from maskmatch.settings.fields import Entered, Field, read_fields
from maskmatch.settings.sources import check_blanks, check_variables
from maskmatch.settings.store_fields import (
    REACH_FIELDS,
    STORE_FIELDS,
    TABLE_MODE_VARIABLE,
    TRIAL_FIELDS,
    VARIABLES,
    profile_variable,
)
from maskmatch.storage.object_stores import TABLE_MODE, StoreSettings, read_mode

_TABLE_MODE = Field(
    name="table_mode",
    read=lambda value: _mode(str(value).strip()),
    form="the mode of a table: an octal number from 0600 to 0664, such as 0640",
    default=TABLE_MODE,
)
_KEYS = ("access_key", "secret_key", "session_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What *Test* of a connection does: which address it lists and reads, and the role of the connection."""

    role: str
    address: str | None

    @property
    def writes(self) -> bool:
        """Return True if the connection may be that of a warehouse."""
        return self.role != "source"


def store_settings(entered: Mapping[str, Entered]) -> StoreSettings:
    """Return the settings of a store; raise WrongSetting. Every field of the table has been looked for."""
    values = read_fields(STORE_FIELDS, entered)
    if wrong := _wrong_together(values, {name: each.place for name, each in entered.items()}):
        raise WrongSetting(wrong)
    return StoreSettings(**values, profile_place=entered["profile"].place)


def trial_of(entered: Mapping[str, Entered]) -> Trial:
    """Return what *Test* does; raise WrongSetting."""
    return Trial(**read_fields(TRIAL_FIELDS, entered))


def reach_of(entered: Mapping[str, Entered]) -> Reach:
    """Return which buckets and hosts rows may name; raise WrongSetting."""
    values = read_fields(REACH_FIELDS, entered)
    return Reach(buckets=values["image_buckets"], hosts=values["image_hosts"])


def reach_from_variables(variables: Mapping[str, str]) -> Reach:
    """Return the same for the command line."""
    return reach_of({field.name: _first_set(variables, VARIABLES[field.name]) for field in REACH_FIELDS})


def table_mode_from_variables(variables: Mapping[str, str]) -> int:
    """Return the mode of tables in a folder, which has no connection; raise WrongSetting.

    Whoever opens a store asks for it, and so an unknown variable is found here.
    """
    check_variables(variables)
    mode: int = _TABLE_MODE.value_of(_first_set(variables, (TABLE_MODE_VARIABLE,)))
    return mode


def settings_from_variables(variables: Mapping[str, str], *, place: str) -> StoreSettings:
    """Return the settings of `source` or `warehouse` for the command line; raise WrongSetting.

    A profile of the place has a key of its own, which goes before that in the environment.
    """
    check_blanks(variables)
    entered = {name: _first_set(variables, names) for name, names in VARIABLES.items()}
    entered["profile"] = _first_set(variables, (profile_variable(place),))
    if not entered["profile"].is_empty:
        entered |= {name: Entered(None, entered[name].place) for name in _KEYS}
    return store_settings(entered)


def _mode(text: str) -> int:
    try:
        return read_mode(text)
    except InputError as error:
        raise ValueError(str(error).partition(": ")[2].partition("; ")[2]) from None


def _first_set(variables: Mapping[str, str], names: tuple[str, ...]) -> Entered:
    name = next((name for name in names if variables.get(name, "").strip()), names[-1])
    return Entered(variables.get(name), f"variable {name}")


def _wrong_together(values: Mapping[str, Any], place: Mapping[str, str]) -> str | None:
    """Return what is wrong with fields that are sound by themselves."""
    given = {name for name, value in values.items() if value}
    for one, other in (("access_key", "secret_key"), ("secret_key", "access_key")):
        if one in given and other not in given:
            return f"{place[other]} is empty: enter both halves of the key, or neither"
    if "session_token" in given and "access_key" not in given:
        return f"{place['session_token']}: a token without its key: enter the key, too"
    if {"profile", "access_key"} <= given:
        return f"{place['profile']}: there is a key besides: enter one of the two"
    if "sse_kms_key_id" in given and "kms" not in (values["server_side_encryption"] or ""):
        return f"{place['sse_kms_key_id']}: a key needs {place['server_side_encryption']} aws:kms or cos/kms"
    return None
