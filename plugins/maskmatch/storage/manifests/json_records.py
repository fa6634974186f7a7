"""Single JSON objects by the json module: those that are unlike the others, or wrong."""

import json
import math
from typing import Any

from maskmatch.core.shown import shown
from maskmatch.storage.manifests.columns import ColumnMisspelt, Naming
from maskmatch.storage.manifests.numbers import Inexact, text_of_float

Fields = dict[str, str | None]


class NoRecord(ValueError):
    """A text is no row: code, reason, and the column where it is one value."""

    def __init__(self, why: str, *, code: str = "row_malformed", column: str | None = None) -> None:
        super().__init__(why)
        self.why, self.code, self.column = why, code, column


def read_object(line: bytes, naming: Naming, complaint: str) -> Fields:
    """Return the values of one flat object by what their columns are to us; raise NoRecord."""
    try:
        record = json.loads(line.decode().removeprefix("\ufeff"), **_HOOKS)
    except UnicodeDecodeError as error:
        raise NoRecord(f"the line {complaint}") from error
    except NoRecord:
        raise
    except (ValueError, RecursionError) as error:
        raise NoRecord(f"it is not JSON: {error}{_cure(line)}") from error
    if not isinstance(record, dict):
        raise NoRecord("it is not a JSON object: write each row as {...}")
    return {target: _text(record[name], target) for target, name in _names(record, naming).items()}


def _cure(line: bytes) -> str:
    """Return what to do about a line that is a part of an object."""
    if line.strip() != b"{":
        return ""
    return "; write each object on one line, or all of them into an array, between [ and ]"


def _names(record: dict[str, Any], naming: Naming) -> dict[str, str]:
    """Return the key for each of our columns; one that is mapped to it goes before one with its name."""
    names: dict[str, str] = {}
    for name in sorted(record, key=naming.is_mapped, reverse=True):
        target = _target(name, naming)
        if target in names and naming.is_mapped(name) == naming.is_mapped(names[target]):
            raise NoRecord(f"two keys of the row are {target}: leave one out", column=target)
        if target:
            names.setdefault(target, name)
    return names


def _target(name: str, naming: Naming) -> str | None:
    try:
        return naming.target(name)
    except ColumnMisspelt as misspelt:
        raise NoRecord(
            f"the column {misspelt.why}", code="column_unknown", column=misspelt.name
        ) from misspelt


def _text(value: Any, column: str) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""  # what is there and unknown is not what is not there
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        why = "the value must be text, a number or a boolean, and holds others"
        raise NoRecord(why, code="value_invalid", column=column)
    try:
        text = text_of_float(value) if isinstance(value, float) else str(value)
        text and text.encode()
    except Inexact as inexact:
        raise NoRecord(str(inexact), code="value_invalid", column=column) from inexact
    except UnicodeEncodeError as error:
        why = f"the value holds half a character: {shown(str(value))}"
        raise NoRecord(why, code="value_invalid", column=column) from error
    return text


def _no_constant(name: str) -> float:
    if name == "NaN":
        return math.nan
    raise NoRecord(f"{name} is no value of JSON: write null")


def _no_repeated_key(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(items)) < len(items):
        raise NoRecord("a key stands twice in it: leave one out")
    return dict(items)


_HOOKS: dict[str, Any] = {
    "parse_constant": _no_constant,
    "object_pairs_hook": _no_repeated_key,
    "parse_int": str,  # of any size, and exact
}
