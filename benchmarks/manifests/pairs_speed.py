"""What `maskmatch pairs` makes in a CPU second, and its peak of memory; each case in a process of its own.

All against all of 5,000 images are 12.5 million pairs; a million non-mated pairs are drawn from a million
images, of which 100 each, 50 each and so on to one each show one person. List and manifest lie on this disk.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import main

ALL, ALL_QUICK = 5_000, 1_000
LIST, LIST_QUICK = 1_000_000, 100_000
GOALS = {
    "all_pairs_per_cpu_second": (">=", 300_000.0),
    "all_peak_mib": ("<=", 256.0),
    "sample_pairs_per_cpu_second": (">=", 80_000.0),
    "sample_peak_mib": ("<=", 768.0),
}
_SIZES = (100, 50, 20, 10, 5, 2, 1)


def run(quick: bool) -> dict[str, float]:
    """Measure both; quick: 1,000 images all against all, and a tenth of the sample."""
    images, listed = (ALL_QUICK, LIST_QUICK) if quick else (ALL, LIST)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.csv"
        _write_list(path, images)
        figures = _measured("all", path, images * (images - 1) // 2, "--yes")
        _write_list(path, listed)
        wanted = ("--by-subject", "--mated-per-subject=0", f"--non-mated={listed}")
        return figures | _measured("sample", path, listed, *wanted)


def _write_list(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("image_id,subject_id\n")
        subject = left = 0
        for number in range(count):
            if not left:
                subject += 1
                left = _SIZES[subject % len(_SIZES)]
            left -= 1
            file.write(f"images/subject-{subject:07d}/{number:09d}.jpg,subject-{subject:07d}\n")


def _measured(name: str, images: Path, count: int, *choice: str) -> dict[str, float]:
    to = images.with_name(f"{name}.parquet")
    words = ["pairs", f"--images={images}", f"--to={to}", *choice]
    code = f"from benchmarks.manifests.pairs_speed import tell; tell({words!r})"
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ.copy()
    ).stdout
    wall, cpu, peak = json.loads(shown.splitlines()[-1])
    return {
        f"{name}_pairs": count,
        f"{name}_pairs_per_cpu_second": round(count / cpu),
        f"{name}_cpu_seconds": round(cpu, 1),
        f"{name}_wall_seconds": round(wall, 1),
        f"{name}_peak_mib": round(peak),
        f"{name}_file_mib": round(to.stat().st_size / 2**20),
    }


def tell(words: list[str]) -> None:
    """Run the command, and print its wall seconds, CPU seconds and peak of memory in MiB."""
    from maskmatch.cli.__main__ import main as command  # noqa: PLC0415 - the start of the interpreter counts

    wall = time.monotonic()
    if command(words):
        raise SystemExit(1)
    peak = int(Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2].split()[0])
    print(json.dumps([time.monotonic() - wall, time.process_time(), peak / 1024]))


if __name__ == "__main__":
    sys.exit(main("pairs_speed", __doc__ or "", run, GOALS))
