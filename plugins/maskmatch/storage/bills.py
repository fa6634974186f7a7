"""A bill of the vendor as csv, of which columns are named by whoever has it.

Nobody here has seen the vendor's export: what its columns are called is said with `parse_bill_columns`, and
what cannot be read is told with its line.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.core.shown import plain, shown

COLUMNS = ("day", "calls", "cost")
_DAY = re.compile(
    r"(\d{4})(?:(\d{2})(\d{2})|([-/.年])(\d{1,2})[-/.月](\d{1,2})日?)(?:[T\s].*)?", re.ASCII | re.DOTALL
)
_ZONE = re.compile(r"(Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?P<sign>-?)[¥￥]?(?P<more>-?)(?P<digits>\d+|\d{1,3}(?:,\d{3})+)(?P<part>\.\d+)?", re.ASCII
)
"""Commas part thousands; a comma before any other number of digits may be a decimal one, so it is refused."""
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


def read_bill(path: Path, columns: Mapping[str, str], *, time_zone: str) -> dict[date, Billed]:
    """Return the sums of each day; raise InputError naming the line that cannot be read.

    A time with an offset from UTC belongs to its day in the time zone, any other to the day that it names.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    names = _names(reader, path)
    if missing := [theirs for theirs in columns.values() if names.count(theirs) != 1]:
        raise InputError(
            f"{plain(str(path))} has no column {shown(missing[0])}, or several: it has "
            f"{shown(', '.join(names))}; columns are parted by commas"
        )
    days: dict[date, Billed] = {}
    try:
        for row in reader:
            day, more = _day(row[columns["day"]], time_zone), _billed(row, columns)
            days[day] = _sum(days.get(day), more)
    except (ValueError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{plain(str(path))}, line {reader.line_num}: no day or no number; a day is such as 2026-11-01, "
            "a number such as 1,234.56, calls are whole numbers"
        ) from error
    return days


def check_bill(bill: Mapping[date, Billed], month: date) -> None:
    """Raise InputError for a bill without a day of a month, which its first day names."""
    if not any((day.year, day.month) == (month.year, month.month) for day in bill):
        days = f"from {min(bill)} to {max(bill)}" if bill else "none"
        raise InputError(f"the bill has no day of {month:%Y-%m}: those that it has are {days}")


def _names(reader: "csv.DictReader[str]", path: Path) -> list[str]:
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{plain(str(path))} is no csv: {error}") from error
    return list(reader.fieldnames)


def _text(path: Path) -> str:
    for encoding in _ENCODINGS:
        try:
            return path.read_bytes().decode(encoding)
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise InputError(f"{plain(str(path))} cannot be read: {error.strerror}") from error
    raise InputError(f"{plain(str(path))} is neither UTF-8 nor GB18030")


def _day(text: str, time_zone: str) -> date:
    text = text.strip()
    if not (found := _DAY.fullmatch(text)):
        raise ValueError(text)
    if _ZONE.search(text, found.end(1) + 4):
        return datetime.fromisoformat(text).astimezone(ZoneInfo(time_zone)).date()
    year, month, day, _, longer_month, longer_day = found.groups()
    return date(int(year), int(month or longer_month), int(day or longer_day))


def _billed(row: Mapping[str, str], columns: Mapping[str, str]) -> Billed:
    calls = _whole(row[columns["calls"]]) if "calls" in columns else None
    return Billed(calls, _number(row[columns["cost"]]) if "cost" in columns else None)


def _whole(text: str) -> int:
    if (number := _number(text)) % 1:
        raise ValueError(text)
    return int(number)


def _number(text: str) -> Decimal:
    found = _NUMBER.fullmatch(text.strip())
    if not found or (found["sign"] and found["more"]):
        raise ValueError(text)
    return Decimal(f"{found['sign']}{found['more']}{found['digits'].replace(',', '')}{found['part'] or ''}")


def _sum(one: Billed | None, other: Billed) -> Billed:
    if one is None:
        return other
    return Billed(
        None if other.calls is None else (one.calls or 0) + other.calls,
        None if other.cost is None else (one.cost or Decimal(0)) + other.cost,
    )
