"""Bad rows as a file for the people who mend them: csv for a spreadsheet, or parquet."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple, fields
from pathlib import Path

import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow
from maskmatch.core.shown import plain
from maskmatch.storage.plans import bad_rows_table

FORMS = (".csv", ".parquet")
_AT_ONCE = 10_000
"""Rows that are in memory at a time."""
_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""With these a cell begins that a spreadsheet runs: https://owasp.org/www-community/attacks/CSV_Injection"""

TakeRows = Callable[[Sequence[BadRow]], None]


def check_form(path: Path) -> None:
    """Raise InputError for a file that could not be written."""
    if path.suffix.lower() not in FORMS:
        raise InputError(f"bad rows are written as {' or '.join(FORMS)}: {plain(str(path))} is neither")
    if not path.parent.is_dir():
        raise InputError(f"{plain(str(path.parent))} is no folder: make it, or name another file")


@contextmanager
def writing_bad_rows(path: Path | None) -> Iterator[TakeRows]:
    """Yield what takes bad rows; the file is there, whole, when the context ends well; raise InputError."""
    if path is None:
        yield lambda _: None
        return
    check_form(path)
    part = path.with_name(f".{path.name}.part")
    form = _parquet if path.suffix.lower() == ".parquet" else _csv
    try:
        with ExitStack() as stack:
            with _told(path):
                take = stack.enter_context(form(part))
            yield _told(path)(take)
            with _told(path):
                stack.close()
                part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what hinders writing; an error of who brings the rows passes."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{plain(str(path))} cannot be written: {error.strerror or error}") from error


def write_bad_row_file(path: Path, rows: Sequence[BadRow]) -> None:
    """Write bad rows by the ending of the name; raise InputError."""
    with writing_bad_rows(path) as take:
        take(rows)


@contextmanager
def _parquet(path: Path) -> Iterator[TakeRows]:
    waiting: list[BadRow] = []

    def flush() -> None:
        writer.write_table(bad_rows_table(waiting))
        waiting.clear()

    def take(rows: Sequence[BadRow]) -> None:
        waiting.extend(rows)
        if len(waiting) >= _AT_ONCE:
            flush()

    with pq.ParquetWriter(path, bad_rows_table([]).schema, compression="zstd") as writer:
        yield take
        flush()


@contextmanager
def _csv(path: Path) -> Iterator[TakeRows]:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # Excel wants the mark
        writer = csv.writer(file)
        writer.writerow([each.name for each in fields(BadRow)])
        yield lambda rows: writer.writerows(_cells(row) for row in rows)


def _cells(row: BadRow) -> list[str]:
    attributes = json.dumps(dict(row.attributes), ensure_ascii=False)
    return [*(_harmless(value) for value in astuple(row)[:-1]), attributes]


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_OF_FORMULAS) else text
