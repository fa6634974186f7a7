"""How much of an account's rate the engine uses, and how often it passes it.

Four processes share one broker file and compare the shards of one plan against the local service in hash
mode, which counts calendar seconds as the vendor does and answers after 150 ms. The meter of the service
says what was accepted and when.
"""

import multiprocessing
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from _report import main

from maskmatch import publications, runs
from maskmatch.adapters.stores import FileStore
from maskmatch.adapters.tencent import Account
from maskmatch.core.planning import MANIFEST_BYTES_PER_SHARD, PlanOptions
from maskmatch.embedded.service import LocalService

QUOTA = 50
PROCESSES = 4
DAY = date(2026, 1, 1)
GOALS = {"quota_use": (">=", 0.97), "throttled_share": ("<=", 0.005), "paid_again": ("<=", 0)}


def run(quick: bool) -> dict[str, float]:
    """Compare 2,000 pairs (quick: 1,000) and return the shares of the quota."""
    pairs = 1000 if quick else 2000
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as service:
        job = _job(Path(folder), pairs)
        plan = runs.make_plan(job, PlanOptions(max_shards=PROCESSES))
        options = _options(service, Path(folder))
        started = time.monotonic()
        _compare_in_processes(job, plan, options)
        seconds = time.monotonic() - started
        publications.publish(job, plan, nominal_fmr=1e-4)
        return _figures(service.meter(), seconds)


def _service(folder: Path) -> LocalService:
    return LocalService(folder / "service", scores="hash", calls_per_second=QUOTA, latency_ms=150)


def _job(folder: Path, pairs: int) -> runs.Job:
    source, warehouse = FileStore(folder / "in"), FileStore(folder / "out")
    job = runs.Job(source=source, warehouse=warehouse, day=DAY, run_id="quota_use")
    lines = ["pair_id,reference_id,probe_id,attr_padding"]
    padding = "x" * (MANIFEST_BYTES_PER_SHARD * (PROCESSES - 1) // pairs)  # long enough for four shards
    for number in range(pairs):
        job.source.put(f"{number}.jpg", b"\xff\xd8\xff%d" % number)
        lines.append(f"{number},{number}.jpg,{(number + 1) % pairs}.jpg,{padding}")
    job.source.put(f"manifests/ds={DAY}/pairs.csv", "\n".join(lines).encode())
    return job


def _options(service: LocalService, folder: Path) -> runs.CompareOptions:
    account = Account(
        secret_id=service.secret_id,
        secret_key=service.secret_key,
        endpoint=service.endpoint,
        protocol="http",
        calls_per_second=QUOTA,
    )
    return runs.CompareOptions(account=account, broker=f"sqlite:///{folder}/broker.sqlite3")


def _compare_in_processes(job: runs.Job, plan: runs.Plan, options: runs.CompareOptions) -> None:
    context = multiprocessing.get_context("spawn")
    facts = (options.account, options.broker)
    children = [context.Process(target=_compare, args=(job, plan, shard, *facts)) for shard in plan.shards]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if len(children) != PROCESSES or any(child.exitcode for child in children):
        sys.exit(f"{len(children)} processes ended with {[child.exitcode for child in children]}")


def _compare(job: runs.Job, plan: runs.Plan, shard: runs.Shard, account: Account, broker: str) -> None:
    runs.compare_shard(job, plan, shard, runs.CompareOptions(account=account, broker=broker))


def _figures(meter: dict[str, float], seconds: float) -> dict[str, float]:
    span = meter["last_accepted_at"] - meter["first_accepted_at"]
    accepted, throttled = meter["accepted"], meter["throttled"]
    return {
        "pairs": meter["distinct_billed_pairs"],
        "processes": PROCESSES,
        "quota_per_second": QUOTA,
        "quota_use": round((accepted - 1) / (QUOTA * span), 4),
        "throttled_share": round(throttled / (accepted + throttled), 4),
        "paid_again": meter["paid_again"],
        "seconds_first_to_last_accepted": round(span, 2),
        "seconds_with_start_of_processes": round(seconds, 2),
    }


if __name__ == "__main__":
    sys.exit(main("quota_use", __doc__, run, GOALS))
