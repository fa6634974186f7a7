"""A bill of the vendor as csv, of which columns are named by whoever has it.

Nobody here has seen the vendor's export: what its columns are called is said with `parse_bill_columns`, and
what cannot be read is told with its line.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.shown import plain, shown

COLUMNS = ("day", "calls", "cost")
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})|(\d{2})(\d{2}))(?!\d)")
_ENCODINGS = ("utf-8-sig", "gb18030")


@dataclass(frozen=True, slots=True)
class Billed:
    """What a bill says of one day; None where it has no such column."""

    calls: int | None = None
    cost: Decimal | None = None


def parse_bill_columns(text: str) -> Mapping[str, str]:
    """Read `day=Date,calls=Usage,cost=Amount`; raise WrongSetting unless day and one other are named."""
    parts = [each.partition("=") for each in text.split(",") if each.strip()]
    columns = {ours.strip(): theirs.strip() for ours, _, theirs in parts}
    if (
        not set(columns) <= set(COLUMNS)
        or "day" not in columns
        or len(columns) < 2
        or not all(columns.values())
    ):
        raise WrongSetting(
            f"{shown(text)} does not name the columns of a bill: day=Date,calls=Usage,cost=Amount"
        )
    return MappingProxyType(columns)


def read_bill(path: Path, columns: Mapping[str, str]) -> dict[date, Billed]:
    """Return the sums of each day; raise InputError naming the line that cannot be read."""
    reader = csv.DictReader(_text(path).splitlines())
    names = reader.fieldnames or []
    if missing := [theirs for theirs in columns.values() if theirs not in names]:
        raise InputError(
            f"{plain(str(path))} has no column {shown(missing[0])}: it has {shown(', '.join(names))}; "
            "columns are parted by commas"
        )
    days: dict[date, Billed] = {}
    for row in reader:
        try:
            day, more = _day(row[columns["day"]]), _billed(row, columns)
        except (ValueError, InvalidOperation, AttributeError) as error:
            raise InputError(
                f"{plain(str(path))}, line {reader.line_num}: no day or no number: a day is 2026-11-22, "
                "calls are whole numbers"
            ) from error
        days[day] = _sum(days.get(day), more)
    return days


def _text(path: Path) -> str:
    for encoding in _ENCODINGS:
        try:
            return path.read_text(encoding=encoding)
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise InputError(f"{plain(str(path))} cannot be read: {error.strerror}") from error
    raise InputError(f"{plain(str(path))} is neither UTF-8 nor GB18030")


def _day(text: str) -> date:
    if not (found := _DAY.match(text.strip())):
        raise ValueError(text)
    return date(*(int(part) for part in found.groups() if part))


def _billed(row: Mapping[str, str], columns: Mapping[str, str]) -> Billed:
    calls = int(_whole(row[columns["calls"]])) if "calls" in columns else None
    return Billed(calls, _number(row[columns["cost"]]) if "cost" in columns else None)


def _whole(text: str) -> Decimal:
    if (found := _number(text)) % 1:
        raise ValueError(text)
    return found


def _number(text: str) -> Decimal:
    found = Decimal(text.strip().replace(",", "").lstrip("¥￥"))
    if not found.is_finite():
        raise ValueError(text)
    return found


def _sum(one: Billed | None, other: Billed) -> Billed:
    if one is None:
        return other
    return Billed(
        None if other.calls is None else (one.calls or 0) + other.calls,
        None if other.cost is None else (one.cost or Decimal(0)) + other.cost,
    )
