"""Manifests in object storage: csv, jsonl and parquet, plain or gzipped, row by row as text.

A row that cannot be read is yielded as a BadRow; a file that cannot be a manifest raises InputError, for
then nothing of it can be trusted. The manifest row is the line of the file for csv and jsonl (a csv header
is line 1), the row number from 1 for parquet.

Decision: docs/adr/0004-csv-line-by-line.md
"""

import csv
import difflib
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

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
from maskmatch.storage.object_stores import Store

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
_LONGEST = 2000  # more than any value may have; numbers can be given with any number of digits
_UNREADABLE = (
    csv.Error,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
)
_PLAIN = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_null,
)


def folder_of(day: date) -> str:
    """Return the folder of the manifests of one date."""
    return f"manifests/ds={day.isoformat()}/"


def find_manifests(store: Store, day: date) -> list[str]:
    """Return the keys of the manifests of one date, sorted; raise InputError when there is none.

    A file that is no manifest by its name is an error too, unless it starts with _ or a dot: leaving it out
    could lose pairs unseen.
    """
    folder = folder_of(day)
    keys = sorted(found.key for found in store.list(folder))
    keys = [key for key in keys if not key.rpartition("/")[2].startswith(("_", "."))]
    endings = ", ".join(SUFFIXES)
    if not keys:
        raise InputError(f"no manifest at {store.uri}/{folder}: put one there that ends in {endings}")
    if others := [key for key in keys if not key.endswith(SUFFIXES)]:
        raise InputError(
            f"{store.uri}/{others[0]} is no manifest: rename it to end in {endings}, or remove it"
        )
    return keys


def read_manifest(store: Store, key: str) -> Iterator[Pair | BadRow]:
    """Yield every row of one manifest; raise InputError for an unreadable file."""
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
        yield from _read_parquet(name, stream)
        return
    plain = gzip.GzipFile(fileobj=stream) if name.endswith(".gz") else stream
    read = _read_csv if name.endswith((".csv", ".csv.gz")) else _read_jsonl
    with io.TextIOWrapper(cast("BinaryIO", plain), encoding="utf-8-sig") as lines:
        yield from read(name, lines)


def _read_csv(name: str, lines: Iterator[str]) -> Iterator[Pair | BadRow]:
    """Read line by line: no value may hold a line break, so a stray quote spoils its own line alone."""
    header = [column.strip() for column in _csv_fields(next(lines, ""))]
    _check_columns(name, header)
    for row, line in enumerate(lines, start=2):
        if line.strip():
            yield _parse_csv_line(name, row, line, header)


def _parse_csv_line(name: str, row: int, line: str, header: Sequence[str]) -> Pair | BadRow:
    try:
        values = _csv_fields(line)
    except csv.Error as error:
        return bad_row(file=name, row=row, code="row_malformed", why=f"the line is not valid CSV: {error}")
    if len(values) != len(header):
        why = f"the row has {len(values)} fields, the header {len(header)}"
        return bad_row(file=name, row=row, code="row_malformed", why=why)
    return parse_row(dict(zip(header, values, strict=True)), file=name, row=row)


def _csv_fields(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], strict=True), [])


def _read_jsonl(name: str, lines: Iterable[str]) -> Iterator[Pair | BadRow]:
    for row, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse_json_line(name, row, line)


def _parse_json_line(name: str, row: int, line: str) -> Pair | BadRow:
    try:
        record = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_no_repeated_key)
    except (ValueError, RecursionError) as error:
        return bad_row(file=name, row=row, code="row_malformed", why=f"the line is not JSON: {error}")
    if not isinstance(record, dict):
        return bad_row(file=name, row=row, code="row_malformed", why="the line is not a JSON object")
    nested = [key for key, value in record.items() if isinstance(value, dict | list)]
    if nested:
        return bad_row(
            file=name,
            row=row,
            code="value_invalid",
            why="the value must be text, a number or a boolean",
            column=nested[0],
        )
    unknown = _unknown_columns(list(record))
    if unknown:
        why = f"the column is not known: {_suggestion(unknown[0])}"
        return bad_row(file=name, row=row, code="column_unknown", why=why, column=unknown[0])
    return parse_row({key: _as_text(value) for key, value in record.items()}, file=name, row=row)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _no_repeated_key(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(items)) < len(items):
        raise ValueError("a key stands twice")
    return dict(items)


def _read_parquet(name: str, stream: BinaryIO) -> Iterator[Pair | BadRow]:
    table = pq.ParquetFile(pa.BufferReader(stream.read()))
    _check_columns(name, table.schema_arrow.names)
    _check_types(name, table.schema_arrow)
    row = 0
    for batch in table.iter_batches(batch_size=10_000):
        for record in batch.to_pylist():
            row += 1
            yield parse_row({key: _as_text(value) for key, value in record.items()}, file=name, row=row)


def _check_types(name: str, schema: pa.Schema) -> None:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_plain(kind) for is_plain in _PLAIN):
            raise InputError(
                f"{name}: column {field.name} is {field.type}: make it text, a number or a boolean"
            )


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)[:_LONGEST]


def _check_columns(name: str, columns: Sequence[str]) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        found = ", ".join(columns) or "none"
        cure = "; separate columns with commas" if len(columns) == 1 else ""
        raise InputError(
            f"{name}: column {', '.join(missing)} is missing; the columns found are: {found}{cure}"
        )
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
