"""What the journal costs for each thousand calls, and how long `maskmatch status` takes for a million.

Processor time to make segments of 25 and of 64 rows with both images known, beside one JSON record for each
pair without them (what a journal of counts wrote), and to hash an image of 50 kB. Then a date in a real S3
store, written by real journals: the status by the command line, whole process, while it runs and compacted.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.dataset import DAY
from benchmarks.report import main
from devstack.seaweed import Seaweed
from maskmatch.core.image_rules import ImageFacts
from maskmatch.core.outcomes import Calls, Images, Outcome
from maskmatch.core.planning import Plan, Shard
from maskmatch.storage import plans
from maskmatch.storage.journal import Origin, compact
from maskmatch.storage.journal.records import to_lines
from maskmatch.storage.journal.segments import Segments
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store, open_store

WAREHOUSE = "s3://maskmatch/out"
OUTCOMES, QUICK_OUTCOMES = 1_000_000, 64_000
SHARDS, GROUP, WRITERS = 32, 64, 8
CALLS, ROUNDS = 6400, 3
IMAGE_BYTES = 50_000
STATUS_SECONDS = 2.0
_REASON = ("failure_class", "failure_code", "failure_message", "vendor_code", "failed_side")
ORIGIN = Origin("scheduled__2026-01-01T02:00:00+00:00", "key-0123456789ab", "bytes")
GOALS = {"status_running_seconds": ("<=", STATUS_SECONDS), "status_compacted_seconds": ("<=", STATUS_SECONDS)}


def run(quick: bool) -> dict[str, float]:
    """Measure a million outcomes; quick: 64,000."""
    figures = _cost_figures()
    with tempfile.TemporaryDirectory() as folder, Seaweed(Path(folder)) as server:
        os.environ.update(server.environment())
        store, plan = open_store(WAREHOUSE), _plan(QUICK_OUTCOMES if quick else OUTCOMES)
        plans.write_plan(store, plan)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda shard: _write_journal(store, shard), plan.shards))
        figures["outcomes"] = plan.pairs
        figures["status_running_seconds"] = _status_seconds(plan)
        began = time.monotonic()
        for shard in plan.shards:
            compact(store, plans.journal_prefix(shard.key))
        figures["compacting_seconds"] = round(time.monotonic() - began, 1)
        figures["status_compacted_seconds"] = _status_seconds(plan)
    return figures


def _cost_figures() -> dict[str, float]:
    """Return milliseconds of processor time for each thousand calls."""
    outcomes = list(_outcomes(CALLS))
    image = os.urandom(IMAGE_BYTES)

    def hash_images() -> None:
        for _ in range(CALLS):
            hashlib.md5(image, usedforsecurity=False)
            hashlib.sha256(image)

    return {
        "rows_of_25_ms": _ms(lambda: _make(outcomes, 25, _lines)),
        "rows_of_64_ms": _ms(lambda: _make(outcomes, 64, _lines)),
        "counts_as_json_ms": _ms(lambda: _make(outcomes, 64, _json)),
        "bytes_a_row": round(len(_lines(outcomes[:GROUP])) / GROUP),
        "digests_of_one_image_ms": _ms(hash_images),
    }


def _make(outcomes: Sequence[Outcome], size: int, form: Callable[[Sequence[Outcome]], bytes]) -> None:
    for start in range(0, len(outcomes), size):
        form(outcomes[start : start + size])


def _lines(outcomes: Sequence[Outcome]) -> bytes:
    return to_lines(outcomes, ORIGIN, shard_try=1)


def _json(outcomes: Sequence[Outcome]) -> bytes:
    """Return what was written when a record was a pair: the pair, its end and the counts of its calls."""
    records = (
        {
            "run_id": ORIGIN.run_id,
            "pair_id": each.pair_id,
            "score": each.score,
            "model_version": each.model_version,
            **dict.fromkeys(_REASON),
            "result_source": each.source,
            "attempts": each.calls.attempts,
            "billed_calls": each.calls.billed,
            "maybe_billed_calls": each.calls.maybe_billed,
            "request_id": each.calls.request_id,
            "latency_ms": each.calls.latency_ms,
            "called_at": each.calls.called_at and each.calls.called_at.isoformat(),
            "call_order": each.call_order,
        }
        for each in outcomes
    )
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _ms(work: Callable[[], None]) -> float:
    """Return the least of some rounds, for each thousand calls."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return round(1e6 * min(times) / CALLS, 2)


def _outcomes(count: int) -> Iterator[Outcome]:
    for number in range(count):
        facts = [
            ImageFacts(
                store_host="s3.test:8333",
                tag=uuid.uuid4().hex,
                md5=uuid.uuid4().hex,
                sha256=2 * uuid.uuid4().hex,
                size=IMAGE_BYTES,
                load_ms=2.5,
            )
            for _ in range(2)
        ]
        calls = Calls(
            attempts=1,
            billed=1,
            attempt=1,
            called_at=datetime.now(UTC),
            answered_at=datetime.now(UTC),
            latency_ms=241.5,
            bytes_sent=133_900,
            request_id=str(uuid.uuid4()),
            answered_by="iai.tencentcloudapi.com",
        )
        yield Outcome(
            pair_id=f"pair-{number:08d}",
            score=number % 100 + 0.25,
            model_version="3.0",
            calls=calls,
            call_order=number,
            manifest_row=number + 2,
            images=Images(*facts),
        )


def _plan(pairs: int) -> Plan:
    folder = plans.plan_folder(DAY, "benchmark")
    return Plan(
        plan_id="benchmark",
        work_id="benchmark",
        day=DAY,
        folder=folder,
        manifests=(),
        rows=pairs,
        bad_rows=0,
        bad_rows_key=f"{folder}/bad_rows.parquet",
        shards=tuple(Shard(f"{folder}/shard-{n:05d}.parquet", pairs // SHARDS) for n in range(SHARDS)),
        conditional_writes=True,
    )


def _write_journal(store: Store, shard: Shard) -> None:
    """Write the segments of a complete shard; each holds the same rows, under other ids."""
    segments = Segments(store, plans.journal_prefix(shard.key), epoch=1, run_id=ORIGIN.run_id, only_new=True)
    segments.claim()
    lines = _lines(list(_outcomes(GROUP)))
    for number in range(0, shard.pairs, GROUP):
        left = min(GROUP, shard.pairs - number)
        here = lines if left == GROUP else _lines(list(_outcomes(left)))
        segments.append(here.replace(b'"pair-', b'"pair-%07d-' % number), Counts(scored=number + left))


def _status_seconds(plan: Plan) -> float:
    """Return the time of `maskmatch status`; raise unless it shows that all is done."""
    command = [sys.executable, "-m", "maskmatch.cli", "status", f"--date={DAY}", f"--warehouse={WAREHOUSE}"]
    began = time.monotonic()
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.monotonic() - began
    if f"{plan.pairs:,} of {plan.pairs:,}" not in " ".join(shown.split()):
        raise RuntimeError(f"the status does not show {plan.pairs:,} pairs: {shown}")
    return round(seconds, 2)


if __name__ == "__main__":
    sys.exit(main("journal_cost", str(__doc__), run, GOALS))
