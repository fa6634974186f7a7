"""Read a manifest from bytes."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import BadRow
from maskmatch.storage.manifests import FileSummary, Manifest
from maskmatch.storage.object_stores.files import FileStore

HEADER = "pair_id,reference_id,probe_id"


@dataclass(frozen=True)
class Found:
    """What was read."""

    rows: list[dict[str, Any]]
    bad: list[BadRow]
    summary: FileSummary

    @property
    def ids(self) -> list[str]:
        return [row["pair_id"] for row in self.rows]

    @property
    def bad_lines(self) -> list[int | None]:
        return [row.manifest_line for row in self.bad]


def read(folder: Path, name: str, data: bytes | str, columns: str = "", encoding: str = "") -> Found:
    """Return the rows of a manifest; raise InputError for one that is none."""
    store = FileStore(folder)
    key = f"manifests/ds=2026-01-02/{name}"
    store.put(key, data.encode() if isinstance(data, str) else data)
    manifest = Manifest(store, key, ManifestOptions.of(columns, encoding))
    rows: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    for portion in manifest:
        rows += portion.rows.to_pylist()
        bad += portion.bad_rows
    for row in rows:
        row["attributes"] = dict(row["attributes"])
    return Found(rows, bad, manifest.summary)


def as_csv(rows: list[dict[str, Any]], separator: str = ",") -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    return "".join(separator.join(line) + "\n" for line in lines).encode()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_array(rows: list[dict[str, Any]], indent: int | None = None) -> bytes:
    return json.dumps(rows, indent=indent).encode()


def as_parquet(rows: list[dict[str, Any]] | pa.Table) -> bytes:
    if not isinstance(rows, pa.Table):
        names = list(dict.fromkeys(name for row in rows for name in row))
        rows = pa.table({name: [row.get(name) for row in rows] for name in names})
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    return sink.getvalue()


def as_xlsx(rows: list[dict[str, Any]]) -> bytes:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    book.active.append(names)
    for row in rows:
        book.active.append([row.get(name) for name in names])
    book.save(sink)
    return sink.getvalue()


FORMATS = {
    "x.csv": as_csv,
    "x.jsonl": as_jsonl,
    "x.json": as_array,
    "x.parquet": as_parquet,
    "x.xlsx": as_xlsx,
}
