"""Bad rows as a file for the people who mend them: csv for a spreadsheet, or parquet."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow
from maskmatch.core.shown import plain
from maskmatch.storage.plans import bad_rows_table

FORMS = (".csv", ".parquet")
_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""With these a cell begins that a spreadsheet runs: https://owasp.org/www-community/attacks/CSV_Injection"""


def check_form(path: Path) -> None:
    """Raise InputError for a file that could not be written."""
    if path.suffix.lower() not in FORMS:
        raise InputError(f"bad rows are written as {' or '.join(FORMS)}: {plain(str(path))} is neither")
    if not path.parent.is_dir():
        raise InputError(f"{plain(str(path.parent))} is no folder: make it, or name another file")


def write_bad_row_file(path: Path, rows: Sequence[BadRow]) -> None:
    """Write bad rows by the ending of the name; raise InputError."""
    check_form(path)
    try:
        if path.suffix.lower() == ".parquet":
            pq.write_table(bad_rows_table(rows), path, compression="zstd")
        else:
            _write_csv(path, rows)
    except OSError as error:
        raise InputError(f"{plain(str(path))} cannot be written: {error.strerror or error}") from error


def _write_csv(path: Path, rows: Iterable[BadRow]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # Excel wants the mark
        writer = csv.writer(file)
        writer.writerow([each.name for each in fields(BadRow)])
        for row in rows:
            writer.writerow([_harmless(value) for value in astuple(row)[:-1]] + [_as_json(row.attributes)])


def _as_json(attributes: Iterable[tuple[str, str]]) -> str:
    return json.dumps(dict(attributes), ensure_ascii=False)


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_OF_FORMULAS) else text
