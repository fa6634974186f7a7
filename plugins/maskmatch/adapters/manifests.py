"""Manifests in object storage: csv, jsonl and parquet, plain or gzipped, row by row as text.

A row that cannot be read is yielded as a BadRow; a file that cannot be a manifest raises InputError, for
then nothing of it can be trusted. The manifest row is the line of the file for csv and jsonl (a csv header
is line 1), the row number from 1 for parquet.
"""

import csv
import difflib
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.adapters.stores import ObjectInfo, Store
from maskmatch.core.errors import InputError
from maskmatch.core.pairs import (
    ATTRIBUTE_PREFIX,
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    BadRow,
    Pair,
    bad_row,
    parse_row,
)

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
_MAX_FIELD_BYTES = 64 * 1024
_UNREADABLE = (gzip.BadGzipFile, zlib.error, EOFError, pa.ArrowInvalid, csv.Error)


def folder_of(day: date) -> str:
    """Return the folder of the manifests of one date."""
    return f"manifests/ds={day.isoformat()}/"


def find_manifests(store: Store, day: date) -> list[ObjectInfo]:
    """Return the manifest files of one date by key; raise InputError when there is none."""
    folder = folder_of(day)
    found = [info for info in store.list(folder) if not info.key.removeprefix(folder).startswith(("_", "."))]
    files = [info for info in found if info.key.endswith(SUFFIXES)]
    if not files:
        others = f" (there are {len(found)} other files)" if found else ""
        raise InputError(
            f"no manifest at {store.uri}/{folder}{others}: put one there that ends in {', '.join(SUFFIXES)}"
        )
    return sorted(files, key=lambda info: info.key)


def read_manifest(store: Store, key: str) -> Iterator[Pair | BadRow]:
    """Yield every row of one manifest; raise InputError when the file is none."""
    name = key.split("/", 2)[-1]  # below the folder of its date
    with store.open(key) as stream:
        try:
            yield from _read(name, stream)
        except UnicodeDecodeError as error:
            raise InputError(f"{store.uri}/{key} is not UTF-8 text ({error}): save it as UTF-8") from error
        except _UNREADABLE as error:
            raise InputError(f"{store.uri}/{key} cannot be read: {error}") from error


def _read(name: str, stream: BinaryIO) -> Iterator[Pair | BadRow]:
    if name.endswith(".parquet"):
        return _read_parquet(name, stream)
    plain = gzip.GzipFile(fileobj=stream) if name.endswith(".gz") else stream
    lines = io.TextIOWrapper(io.BufferedReader(_Readable(plain)), encoding="utf-8-sig", newline="")
    return _read_csv(name, lines) if ".csv" in name else _read_jsonl(name, lines)


def _read_csv(name: str, lines: Iterable[str]) -> Iterator[Pair | BadRow]:
    csv.field_size_limit(_MAX_FIELD_BYTES)
    rows = csv.reader(lines)
    header = [column.strip() for column in next(rows, [])]
    _check_columns(name, header)
    line = rows.line_num + 1
    for values in rows:
        if len(values) == len(header):
            yield parse_row(dict(zip(header, values, strict=True)), file=name, row=line)
        elif values:
            why = f"the row has {len(values)} fields, the header {len(header)}"
            yield bad_row(file=name, row=line, code="row_malformed", why=why)
        line = rows.line_num + 1


def _read_jsonl(name: str, lines: Iterable[str]) -> Iterator[Pair | BadRow]:
    for row, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse_json_line(name, row, line)


def _parse_json_line(name: str, row: int, line: str) -> Pair | BadRow:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return bad_row(file=name, row=row, code="row_malformed", why=f"the line is not JSON: {error.msg}")
    if not isinstance(record, dict):
        return bad_row(file=name, row=row, code="row_malformed", why="the line is not a JSON object")
    nested = [key for key, value in record.items() if isinstance(value, dict | list)]
    if nested:
        return bad_row(
            file=name, row=row, code="value_invalid", why="the value is no plain value", column=nested[0]
        )
    unknown = _unknown_columns(list(record))
    if unknown:
        why = f"the column is not known: {_suggestion(unknown[0])}"
        return bad_row(file=name, row=row, code="column_unknown", why=why, column=unknown[0])
    return parse_row({key: _as_text(value) for key, value in record.items()}, file=name, row=row)


def _read_parquet(name: str, stream: BinaryIO) -> Iterator[Pair | BadRow]:
    table = pq.ParquetFile(pa.BufferReader(stream.read()))
    _check_columns(name, table.schema_arrow.names)
    row = 0
    for batch in table.iter_batches(batch_size=10_000):
        for record in batch.to_pylist():
            row += 1
            yield parse_row({key: _as_text(value) for key, value in record.items()}, file=name, row=row)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _check_columns(name: str, columns: Sequence[str]) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        found = ", ".join(columns) or "none"
        raise InputError(f"{name}: column {', '.join(missing)} is missing; the columns found are: {found}")
    if len(set(columns)) < len(columns):
        raise InputError(f"{name}: a column name stands twice in: {', '.join(columns)}")
    if unknown := _unknown_columns(columns):
        raise InputError(f"{name}: column {unknown[0]!r} is not known: {_suggestion(unknown[0])}")


def _unknown_columns(columns: Sequence[str]) -> list[str]:
    known = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS}
    return [name for name in columns if name not in known and not name.startswith(ATTRIBUTE_PREFIX)]


def _suggestion(column: str) -> str:
    close = difflib.get_close_matches(column, (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS), n=1)
    return f"did you mean {close[0]}?" if close else f"name it {ATTRIBUTE_PREFIX}{column} to keep it as it is"


class _Readable(io.RawIOBase):
    """Lets a buffered reader sit on streams that only offer `read`, such as a boto3 body."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
