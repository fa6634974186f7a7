"""Cells of a workbook as the text that they stand for, or why they have none."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from maskmatch.core.shown import shown
from maskmatch.storage.manifests.numbers import Inexact, text_of_float

_ERRORS = frozenset(
    f"#{each}"
    for each in ("N/A", "REF!", "NAME?", "VALUE!", "DIV/0!", "NUM!", "NULL!", "SPILL!", "CALC!", "FIELD!")
) | frozenset({"#BLOCKED!", "#BUSY!", "#CONNECT!", "#EXTERNAL!", "#GETTING_DATA", "#PYTHON!", "#UNKNOWN!"})

Row = tuple[Any, ...]


class Formula(Enum):
    """What a formula is whose value is not there."""

    UNCALCULATED = "uncalculated"


@dataclass(frozen=True, slots=True)
class Padded:
    """A number that is shown with zeros before it, or with signs among its digits."""

    value: float
    form: str
    """Its format."""


def text_of_cell(value: Any, *, is_id: bool) -> tuple[str | None, str]:
    """Return a cell as text, or why it has none; an id must be the number that people see."""
    if value is Formula.UNCALCULATED:
        return None, "the formula has no value yet: open the workbook and save it, or enter the value"
    if isinstance(value, Padded):
        if is_id:
            return None, (
                f"the number {value.value} is shown by its format {shown(value.form)} as another text: "
                "format the column as text, and enter ids as they are to be read"
            )
        value = value.value
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _number(value)
    text = _text(value)
    if text in _ERRORS:
        return None, f"the cell shows the error {text}: mend its formula, or enter the value"
    return text, ""


def _number(value: float) -> tuple[str | None, str]:
    try:
        return text_of_float(float(value)), ""
    except (Inexact, OverflowError) as inexact:
        return None, str(inexact)


def _text(value: Any) -> str:
    if isinstance(value, datetime):  # as a date of a cell is read, too
        return str(value) if value.time() != time() else str(value.date())
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
