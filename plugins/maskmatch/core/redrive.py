"""Which failed rows of a date are called anew: chosen by what stands in their columns, never by a program."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass

from maskmatch.core.errors import WrongSetting
from maskmatch.core.failure_codes import Lasting, failure_codes
from maskmatch.core.outcomes import FailureClass
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.shown import shown

CHOSEN_BY = (
    "failure_code", "failure_class", "vendor_code", "failed_side", "pair_id", "row_id", "manifest_file",
    "reference_id", "probe_id", "reference_subject_id", "probe_subject_id", "model_version", "answered_by",
)  # fmt: skip
"""Columns of outcomes whose values may be named, besides attributes."""
_IN = re.compile(r"([^=]+?)\s+in\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_CLASSES = [each.value for each in FailureClass if each is not FailureClass.POLICY]


@dataclass(frozen=True, slots=True)
class Selection:
    """Failed rows: for each column here, one of its values must stand in the row.

    Without a code among them, final failures are left alone unless `also_final`: the same bytes fail again.
    """

    values: Mapping[str, frozenset[str]]
    also_final: bool = False

    def __post_init__(self) -> None:
        """Raise WrongSetting for columns, classes or codes that are not known."""
        for column, values in self.values.items():
            if column not in CHOSEN_BY and not column.startswith(ATTRIBUTE_PREFIX):
                raise WrongSetting(f"{shown(column)} chooses no rows: name attr_..., {', '.join(CHOSEN_BY)}")
            if column == "failure_class":
                _check(column, values, _CLASSES)
            elif column == "failure_code":
                _check(column, values, [code for code in failure_codes() if _can_redrive(code)])

    @property
    def takes_final(self) -> bool:
        """Return True if final failures are chosen, too."""
        return self.also_final or "failure_code" in self.values

    def __str__(self) -> str:
        """Return it in words, the same for the same choice."""
        parts = [
            f"{column} in {', '.join(repr(each) if ',' in each else each for each in sorted(values))}"
            for column, values in sorted(self.values.items())
        ]
        return "; ".join([*parts, "open and final" if self.takes_final else "open"])


def _check(column: str, values: frozenset[str], known: list[str]) -> None:
    for value in sorted(values):
        if value in failure_codes() and not _can_redrive(value):
            raise WrongSetting(f"{value}: such rows are no pairs; {failure_codes()[value].advice}")
        if value not in known:
            raise WrongSetting(f"{shown(value)} is no {column}: known are {', '.join(known)}")


def _can_redrive(code: str) -> bool:
    return failure_codes()[code].lasting is not Lasting.OF_THE_ROW


def read_selection(words: list[str], *, also_final: bool = False) -> Selection:
    """Read words such as failure_code=no_face or failure_code in ('no_face'); raise WrongSetting."""
    values: dict[str, frozenset[str]] = {}
    for word in words:
        column, named = _read(word)
        if not named:
            raise WrongSetting(f"{shown(word)} names no value: write failure_code=no_face,low_quality")
        values[column] = values.get(column, frozenset()) | named
    return Selection(values, also_final)


def _read(word: str) -> tuple[str, frozenset[str]]:
    """Return a column and the values behind it; in brackets those in quotes may have commas."""
    if found := _IN.fullmatch(word):
        column, parts = found[1], next(csv.reader([found[2]], quotechar="'", skipinitialspace=True), [])
    else:
        column, _, text = word.partition("=")
        parts = text.split(",")
    return column.strip(), frozenset(each.strip() for each in parts if each.strip())
