"""How much of the rate `maskmatch run` uses when its pairs lie in one shard, and when they lie in eight.

The same pairs at 200 calls a second against a service that answers after 120 ms, images of a few bytes, all
in files: pairs against what the rate allows from the first to the last accepted call, by the service's meter.
Rounds alternate, so that whatever else the machine does hits both; medians count.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.dataset import DAY, write_dataset
from benchmarks.report import main
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore

ONE, EIGHT = 1, 8
PAIRS, QUICK_PAIRS = 24_000, 22_000
"""More than seven shards are worth."""
ROUNDS, QUICK_ROUNDS = 3, 1
CALLS_PER_SECOND, LATENCY_MS = 200, 120
RUN_SECONDS = 300
GOALS = {"eight_shards_over_one": (">=", 0.97), "eight_shards_use": (">=", 0.95), "paid_again": ("<=", 0)}


def run(quick: bool) -> dict[str, float]:
    """Compare 24,000 pairs three times in each way; quick: 22,000 pairs once."""
    pairs, rounds = (QUICK_PAIRS, QUICK_ROUNDS) if quick else (PAIRS, ROUNDS)
    uses: dict[int, list[float]] = {ONE: [], EIGHT: []}
    paid_again = 0
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder) / "service") as service:
        home = Path(folder)
        write_dataset(FileStore(home / "in"), pairs)
        for number in range(rounds):
            for shards, measured in uses.items():
                measured.append(_use(home, f"{number}-{shards}", service, pairs=pairs, shards=shards))
                paid_again += service.meter()["paid_again"]
                print(f"{shards} shards: {measured[-1]:.4f} of the rate", flush=True)
    one, eight = (statistics.median(measured) for measured in uses.values())
    return {
        "pairs": pairs,
        "one_shard_use": round(one, 4),
        "eight_shards_use": round(eight, 4),
        "eight_shards_over_one": round(eight / one, 4),
        "paid_again": paid_again,
    }


def _service(folder: Path) -> LocalService:
    return LocalService(folder, scores="hash", calls_per_second=CALLS_PER_SECOND, latency_ms=LATENCY_MS)


def _use(home: Path, name: str, service: LocalService, *, pairs: int, shards: int) -> float:
    """Let the command compare the date in so many shards; return the share of the rate that it used."""
    service.reset_meter()
    done = subprocess.run(
        _command(home, name, service, shards=shards),
        env={**os.environ, **_keys(service)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    meter = service.meter(with_calls=True)
    wanted = f"to compare in {shards} shards"
    if done.returncode or wanted not in done.stdout or meter["distinct_billed_pairs"] != pairs:
        raise RuntimeError(f"{meter['distinct_billed_pairs']} pairs billed:\n{done.stdout}{done.stderr}")
    times: list[float] = [
        call["at"] for call in meter["calls"] if call["pair"]
    ]  # the check of the account has none
    return (pairs - 1) / (CALLS_PER_SECOND * (max(times) - min(times)))


def _command(home: Path, name: str, service: LocalService, *, shards: int) -> list[str]:
    return [
        *(sys.executable, "-m", "maskmatch.cli.__main__", "run", f"--date={DAY}", f"--max-shards={shards}"),
        *(f"--source=file://{home}/in", f"--warehouse=file://{home}/out-{name}"),
        *(f"--endpoint={service.endpoint}", "--protocol=http", f"--calls-per-second={CALLS_PER_SECOND}"),
        f"--permit-store=sqlite:///{home}/permits-{name}.sqlite3",
    ]


def _keys(service: LocalService) -> dict[str, str]:
    return {"TENCENTCLOUD_SECRET_ID": service.secret_id, "TENCENTCLOUD_SECRET_KEY": service.secret_key}


if __name__ == "__main__":
    sys.exit(main("shard_use", __doc__, run, GOALS))
