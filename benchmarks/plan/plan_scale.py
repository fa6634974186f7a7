"""What a plan costs, from ten thousand rows to ten million over three million images.

Five attributes, three rows in a hundred bad in seven ways, one in ten again, one in ten swapped; one image in
a hundred has the bytes of another, half of them have a tag that is no MD5. The tags come from a listing that
is replayed; what asking for them takes is a figure of its own. Each plan, and the reading of one of its
shards, is a process of its own; memory is its resident set and that of its children. A million rows are run
again when each pair has an answer: all answers are gathered, the date is planned, and compared with nothing
left to call; then its status is asked for. `--all` plans ten million rows as csv and as parquet, which takes
some minutes.

Beside it, measured on another day: version a15809e, which held every row as objects, took 91 CPU seconds and
1.3 GB for a million rows, 940 and 11.3 GB for ten; a task that only read its shard of ten million 5.3 GB.
"""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.plan import dates
from benchmarks.plan.listed_store import record_listing
from benchmarks.plan.plan_once import DAY, LISTING, Cost, in_own_process
from benchmarks.report import main

SMALL, MIDDLE, LARGE = 10_000, 1_000_000, 10_000_000
_FEW = 300
"""Rows whose images are fewer than the pages of the listing."""
_MIB = ("<=", 1024.0)
GOALS = {
    **{f"{form}_1m_cpu_seconds": ("<=", 37.5 if form == "jsonl" else 25.0) for form in dates.FORMATS},
    **{f"{form}_10m_cpu_seconds": ("<=", 170.0) for form in ("csv", "parquet")},
    **{f"{form}_1m_peak_mib": _MIB for form in dates.FORMATS},
    **{f"{form}_10m_peak_mib": _MIB for form in ("csv", "parquet")},
    "csv_10m_peak_ratio": ("<=", 1.2),
    "parquet_10m_peak_ratio": ("<=", 1.2),
    "csv_1m_shard_peak_mib": ("<=", 300.0),
    "csv_10m_shard_peak_mib": ("<=", 300.0),
    "run_again_1m_cpu_seconds": ("<=", 40.0),
    "run_again_1m_peak_mib": _MIB,
    "status_1m_cpu_seconds": ("<=", 2.0),
    "digests": ("<=", 1.0),
    "wrong_bad_rows": ("<=", 0.0),
    "requests_above_the_lesser": ("<=", 0.02),
}
"""Beyond 2 % more requests than the lesser of listing and HEADs a listing is left too late."""


class _Scale:
    """The figures as they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        record_listing(folder / LISTING)
        self._digests: dict[int, set[str]] = {}
        self.figures: dict[str, float] = {"wrong_bad_rows": 0, "requests_above_the_lesser": 0.0}

    def measure(self, name: str, form: str, count: int, *, files: int = 1) -> None:
        """Plan a date of so many rows, and read the first shard."""
        home = self._folder / name
        manifests = home / f"source/manifests/ds={DAY}"
        manifests.mkdir(parents=True)
        dates.write(manifests, form, count, files=files)
        cost = in_own_process("plan", str(home))
        self._note(name, cost, count)
        shard = in_own_process("read", str(home), cost.printed["shard"])
        self.figures[f"{name}_shard_peak_mib"] = round(shard.peak_mib)
        if name == "csv_1m":
            self._run_again(home)
        for path in manifests.iterdir():
            path.unlink()

    def _run_again(self, home: Path) -> None:
        in_own_process("answer", str(home))
        for name, step in (("run_again_1m", "again"), ("status_1m", "status")):
            cost = in_own_process(step, str(home))
            replay = cost.printed.get("replay_cpu_seconds", 0.0)
            self.figures |= {
                f"{name}_cpu_seconds": round(cost.printed["cpu_seconds"] - replay, 1),
                f"{name}_peak_mib": round(cost.peak_mib),
            }
            print(f"{name}: {cost}", file=sys.stderr)

    def _note(self, name: str, cost: Cost, count: int) -> None:
        found = cost.printed
        apart = found["tags_cpu_seconds"] + found["replay_cpu_seconds"]
        wrong = dates.expected_bad_rows(count)
        wrong.subtract(found["bad_rows"])
        lesser = min(found["distinct_images"], dates.IMAGES // 1000)
        self._digests.setdefault(count, set()).add(found["digest"])
        self.figures |= {
            f"{name}_cpu_seconds": round(found["cpu_seconds"] - apart, 1),
            f"{name}_tags_cpu_seconds": round(found["tags_cpu_seconds"], 1),
            f"{name}_wall_seconds_with_tags": round(cost.wall_seconds, 1),
            f"{name}_peak_mib": round(cost.peak_mib),
            f"{name}_requests": found["pages"] + found["heads"],
            "digests": max(map(len, self._digests.values())),
            "wrong_bad_rows": self.figures["wrong_bad_rows"] + sum(map(abs, wrong.values())),
            "requests_above_the_lesser": max(
                self.figures["requests_above_the_lesser"],
                round((found["pages"] + found["heads"]) / lesser - 1, 4),
            ),
            "load_average": round(os.getloadavg()[0], 1),
        }
        print(f"{name}: {found['rows']:,} rows, {found['pairs']:,} calls, {cost}", file=sys.stderr)


def run(quick: bool) -> dict[str, float]:
    """Measure ten thousand rows, and unless in a hurry a million, in all formats and in parts."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(_Scale(Path(folder)), [SMALL] if quick else [SMALL, MIDDLE])


def run_all() -> dict[str, float]:
    """Measure ten million rows, too."""
    with tempfile.TemporaryDirectory() as folder:
        scale = _Scale(Path(folder))
        _run(scale, [SMALL, MIDDLE])
        for form in ("csv", "parquet"):
            scale.measure(f"{form}_10m", form, LARGE)
            peaks = scale.figures[f"{form}_10m_peak_mib"] / scale.figures[f"{form}_1m_peak_mib"]
            scale.figures[f"{form}_10m_peak_ratio"] = round(peaks, 2)
        return scale.figures


def _run(scale: _Scale, sizes: list[int]) -> dict[str, float]:
    scale.measure("few", "csv", _FEW)
    for count, name in ((SMALL, "10k"), (MIDDLE, "1m")):
        if count in sizes:
            for form in dates.FORMATS:
                scale.measure(f"{form}_{name}", form, count)
            scale.measure(f"split_{name}", "csv", count, files=3)
    return scale.figures


if __name__ == "__main__":
    sys.exit(main("plan_scale", str(__doc__), run, GOALS, run_all=run_all))
