"""Read one file in a process of its own, and print what that took as JSON."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from maskmatch.storage.manifests import Manifest
from maskmatch.storage.object_stores.files import FileStore


class Cost(NamedTuple):
    """What reading a file took, and what came of it."""

    rows: int
    bad_rows: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def in_own_process(how: str, path: Path) -> Cost:
    """Read a file by `checked`, `by_duckdb` or `by_polars` in a process of its own."""
    code = f"from benchmarks.manifests.read_once import {how} as read, tell; tell(read, {str(path)!r})"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    ).stdout
    return Cost(*json.loads(shown.splitlines()[-1]))


def tell(read: object, path: str) -> None:
    """Print what reading takes, start of the interpreter left out."""
    wall, cpu = time.monotonic(), time.process_time()
    rows, bad_rows = read(Path(path))  # type: ignore[operator]
    taken = time.monotonic() - wall, time.process_time() - cpu
    print(json.dumps([rows, bad_rows, *taken, _peak_mib()]))


def _peak_mib() -> float:
    """Return the peak since the program was started: `ru_maxrss` would count its parent's memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def checked(path: Path) -> tuple[int, int]:
    """Read and check as a plan does."""
    manifest = Manifest(FileStore(path.parent), path.name)
    for _ in manifest:
        pass
    return manifest.summary.rows, manifest.summary.bad_rows


def by_duckdb(path: Path) -> tuple[int, int]:
    """Read all columns as text by DuckDB, without any check."""
    text = "all_varchar=true, ignore_errors=true, null_padding=true, parallel=false"
    source = f"read_csv('{path}', {text})" if ".csv" in path.name else f"'{path}'"
    if path.suffix == ".jsonl":
        source = f"read_json('{path}', format='newline_delimited', ignore_errors=true)"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(f"CREATE TABLE rows AS SELECT * FROM {source}")  # noqa: S608 - our own path
        found = connection.execute("SELECT count(*) FROM rows").fetchone()
    return (found[0] if found else 0), 0


def by_polars(path: Path) -> tuple[int, int]:
    """Read all columns by polars in one thread (POLARS_MAX_THREADS), without any check."""
    if ".csv" in path.name:
        table = pl.read_csv(path, infer_schema=False, ignore_errors=True, truncate_ragged_lines=True)
    else:
        table = pl.read_parquet(path)
    return table.height, 0
