"""What reading and checking a manifest of a million rows costs, beside readers that check nothing.

They are DuckDB and polars, which refuses JSON lines for a single one that is broken. One row in five is
quoted, three in a hundred are bad in seven ways. Every field quoted, and every text escaped, are measured
too: they must not be read row by row. Each file is read in a process of its own.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.manifests import sample
from benchmarks.manifests.read_once import in_own_process
from benchmarks.report import main

ROWS, QUICK_ROWS = 1_000_000, 50_000
PEAK_MIB = 512
_CPU_SECONDS = {
    "csv": 10,
    "csv_gz": 12,
    "csv_all_quoted": 12,
    "jsonl": 15,
    "jsonl_all_escaped": 20,
    "parquet": 10,
}
GOALS = {f"{name}_cpu_seconds": ("<=", float(seconds)) for name, seconds in _CPU_SECONDS.items()} | {
    f"{name}_peak_mib": ("<=", float(PEAK_MIB)) for name in _CPU_SECONDS
}


def run(quick: bool) -> dict[str, float]:
    """Measure a million rows; quick: 50,000, whose seconds are scaled to a million."""
    count = QUICK_ROWS if quick else ROWS
    figures: dict[str, float] = {"rows": count}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _write(Path(folder), count).items():
            figures |= _measure(name, path, count)
            if name not in {"csv"}:
                path.unlink()
    return figures


def _write(folder: Path, count: int) -> dict[str, Path]:
    files = {
        "csv": folder / "x.csv",
        "csv_gz": folder / "x.csv.gz",
        "csv_all_quoted": folder / "quoted.csv",
        "jsonl": folder / "x.jsonl",
        "jsonl_all_escaped": folder / "escaped.jsonl",
        "parquet": folder / "x.parquet",
    }
    sample.write_csv(files["csv"], count)
    sample.pack(files["csv"], files["csv_gz"])
    sample.write_csv(files["csv_all_quoted"], count, quote_all=True)
    sample.write_json_lines(files["jsonl"], count)
    sample.write_json_lines(files["jsonl_all_escaped"], count, escape_all=True)
    sample.write_parquet(files["parquet"], count)
    return files


def _measure(name: str, path: Path, count: int) -> dict[str, float]:
    ours = in_own_process("checked", path)
    readers = ("duckdb",) if path.suffix == ".jsonl" else ("duckdb", "polars")
    others = {how: in_own_process(f"by_{how}", path) for how in readers}
    if ours.rows != count or ours.bad_rows != count * 3 // 100:
        raise RuntimeError(f"{path.name}: {ours.rows:,} rows, {ours.bad_rows:,} of them bad")
    scale = ROWS / count
    return {
        f"{name}_wall_seconds": round(ours.wall_seconds * scale, 1),
        f"{name}_cpu_seconds": round(ours.cpu_seconds * scale, 1),
        f"{name}_peak_mib": round(ours.peak_mib),
    } | {
        f"{name}_{how}_{what}": figure
        for how, cost in others.items()
        for what, figure in (
            ("cpu_seconds", round(cost.cpu_seconds * scale, 1)),
            ("peak_mib", round(cost.peak_mib)),
        )
    }


if __name__ == "__main__":
    sys.exit(main("manifest_speed", str(__doc__), run, GOALS))
