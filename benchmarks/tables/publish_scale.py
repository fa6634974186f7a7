"""What a publication costs: a hundred thousand rows, a million, and with `--all` ten million.

Plan and journals are synthesised: of a hundred rows 79 are called, 18 are settled by the calls of others,
one is skipped and two are bad; three images for ten rows. All four tables are written, to a folder. Each
publication is a process of its own, of one thread; its memory is the most that it ever had resident. Then
one pair is looked up by its id with DuckDB, in what analysts read, ten times.

Beside it, measured on another day: version a15809e, which held every row as objects and wrote two tables,
took 183 CPU seconds and 3.1 GB for a million rows.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb
import pyarrow.parquet as pq

from benchmarks.report import main
from benchmarks.tables import synthesised
from maskmatch.storage.object_stores import FileStore
from maskmatch.storage.tables import current_key

SMALL, MIDDLE, LARGE = 100_000, 1_000_000, 10_000_000
LOOKUPS = 10
NAMES = {SMALL: "100k", MIDDLE: "1m", LARGE: "10m"}
GOALS = {
    "1m_cpu_seconds": ("<=", 12.0),
    "10m_cpu_seconds": ("<=", 100.0),
    "1m_peak_mib": ("<=", 1024.0),
    "10m_peak_mib": ("<=", 1024.0),
    "10m_peak_ratio": ("<=", 1.2),
    "10m_lookup_cpu_seconds": ("<=", 0.2),
    "rows_lost": ("<=", 0.0),
}


def _measure(folder: Path, rows: int) -> dict[str, float]:
    name, home = NAMES[rows], folder / NAMES[rows]
    synthesised.make(FileStore(home), rows)
    command = [sys.executable, "-m", "benchmarks.tables.publish_once", str(home), "1e-4"]
    found = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    table = home / current_key("outcomes", synthesised.DAY)
    figures = {
        f"{name}_cpu_seconds": round(found["cpu_seconds"], 1),
        f"{name}_peak_mib": round(found["peak_mib"]),
        f"{name}_lookup_cpu_seconds": round(_lookup(table), 3),
        f"{name}_bytes_per_row": round(table.stat().st_size / rows),
        "rows_lost": abs(pq.read_metadata(table).num_rows - rows),
    }
    print(name, figures, file=sys.stderr)
    return figures


def _lookup(table: Path) -> float:
    """Return the median of the CPU seconds that DuckDB needs to find one pair, ids from all over the file."""
    ids = pq.ParquetFile(table)
    names = [
        ids.read_row_group(group, columns=["pair_id"])["pair_id"][7].as_py()
        for group in range(0, ids.num_row_groups, max(1, ids.num_row_groups // LOOKUPS))
    ]
    took = []
    for name in filter(None, names):
        with duckdb.connect() as connection:
            connection.execute("set threads to 1")
            began = time.process_time()
            found = connection.execute(
                f"from read_parquet('{table}') where pair_id = ?", [name]
            ).to_arrow_table()
            took.append(time.process_time() - began)
            if not found.num_rows:
                raise RuntimeError(f"{name} is not found")
    return median(took)


def run(quick: bool) -> dict[str, float]:
    """Measure a hundred thousand rows, and unless in a hurry a million."""
    return _run([SMALL] if quick else [SMALL, MIDDLE])


def run_all() -> dict[str, float]:
    """Measure ten million rows, too."""
    figures = _run([SMALL, MIDDLE, LARGE])
    return figures | {"10m_peak_ratio": round(figures["10m_peak_mib"] / figures["1m_peak_mib"], 2)}


def _run(sizes: list[int]) -> dict[str, float]:
    figures: dict[str, float] = {}
    lost = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            figures |= _measure(Path(folder), rows)
            lost += figures["rows_lost"]
    return figures | {"rows_lost": lost, "load_average": round(os.getloadavg()[0], 1)}


if __name__ == "__main__":
    sys.exit(main("publish_scale", str(__doc__), run, GOALS, run_all=run_all))
