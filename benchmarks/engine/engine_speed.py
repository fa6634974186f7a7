"""What the engine and a single call cost, side by side with the vendor's plain client.

First the whole engine (addresses, permits from a SQLite file, calls, journal in files) on pairs of URLs,
against the local service at 50 ms and without a limit; beside it as many threads that do nothing but call
the same client. Then single calls, with URLs and with two images of 3 MB, through our client and through the
vendor's as it comes: processor time of the calling process. Rounds alternate, so that whatever else the
machine does hits both; medians count.
"""

import base64
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from benchmarks.account import account_of, sdk_client
from benchmarks.report import main
from devstack.service import LocalService
from maskmatch.core.image_rules import Picture
from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.pipeline.compare import compare_shard
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore
from maskmatch.tencent import Account, TencentComparer

THREADS = 32
ROUNDS = 3
GOALS = {
    "engine_share_of_bare_loop": (">=", 0.9),
    "url_calls_per_cpu_second_over_plain": (">=", 2.5),
    "megabytes_calls_per_cpu_second_over_plain": (">=", 3),
}
_URLS = (Picture(url="http://pictures.test/a.jpg"), Picture(url="http://pictures.test/b.jpg"))
_IMAGE_BYTES = 3_000_000


DAY = date(2026, 1, 1)


NO_LIMIT = 1e6
"""Calls per second: more than any client here can make."""


@dataclass(frozen=True)
class Cost:
    """What one round took: calls per second, and processor milliseconds of this process per call."""

    per_second: float
    cpu_ms: float


def run(quick: bool) -> dict[str, float]:
    """Make rounds of 6,400 pairs, 2,000 calls and 40 with megabytes; quick: 1,600, 500 and 8."""
    pairs, calls, large = (1600, 500, 8) if quick else (6400, 2000, 40)
    with tempfile.TemporaryDirectory() as folder:
        return {
            **_engine(Path(folder), pairs),
            **_clients(Path(folder), "url", _URLS, calls),
            **_clients(Path(folder), "megabytes", _megabytes(), large),
        }


def _engine(folder: Path, pairs: int) -> dict[str, float]:
    with _service(folder, latency_ms=50) as service:
        account = account_of(service, calls_per_second=NO_LIMIT)
        shards = (
            planned(folder / str(number), account, pairs=pairs, threads=THREADS) for number in range(ROUNDS)
        )
        call = own_call(account, *_URLS)
        engine, bare = _rounds(
            lambda: measured(pairs, next(shards).compare),
            lambda: measured(pairs, partial(in_threads, THREADS, pairs, call)),
        )
    return {
        "engine_calls_per_second": round(engine.per_second),
        "bare_loop_calls_per_second": round(bare.per_second),
        "engine_share_of_bare_loop": round(engine.per_second / bare.per_second, 3),
        "engine_cpu_seconds_per_1000_pairs": round(engine.cpu_ms, 3),
        "bare_loop_cpu_seconds_per_1000_pairs": round(bare.cpu_ms, 3),
    }


def _clients(folder: Path, name: str, pictures: tuple[Picture, Picture], calls: int) -> dict[str, float]:
    with _service(folder) as service:
        account = account_of(service, calls_per_second=NO_LIMIT)
        with closing(TencentComparer(account, connections=1)) as comparer:
            ours, plain = _rounds(
                lambda: _cost(partial(comparer.compare, *pictures, quality_control=0), calls),
                lambda: _cost(plain_call(account, *pictures), calls),
            )
    return {
        f"{name}_ms_of_cpu_per_call": round(ours.cpu_ms, 3),
        f"{name}_ms_of_cpu_per_call_plain": round(plain.cpu_ms, 3),
        f"{name}_calls_per_cpu_second_over_plain": round(plain.cpu_ms / ours.cpu_ms, 2),
    }


def _cost(call: Callable[[], object], calls: int) -> Cost:
    call()  # connects
    return measured(calls, lambda: [call() for _ in range(calls)])


def _rounds(one: Callable[[], Cost], other: Callable[[], Cost]) -> tuple[Cost, Cost]:
    costs = [(one(), other()) for _ in range(ROUNDS)]
    return _median([pair[0] for pair in costs]), _median([pair[1] for pair in costs])


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.per_second for cost in costs), statistics.median(cost.cpu_ms for cost in costs)
    )


def _service(folder: Path, *, latency_ms: int = 0) -> LocalService:
    return LocalService(folder, scores="hash", calls_per_second=0, latency_ms=latency_ms, meter=False)


def _megabytes() -> tuple[Picture, Picture]:
    one, other = (b"\xff\xd8\xff" + bytes([seed]) * _IMAGE_BYTES for seed in (1, 2))
    return Picture(data=one), Picture(data=other)


def measured(calls: int, work: Callable[[], object]) -> Cost:
    """Do the work, which makes so many calls."""
    cpu, began = time.process_time(), time.perf_counter()
    work()
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    return Cost(calls / seconds, 1000 * used / calls)


def in_threads(threads: int, calls: int, call: Callable[[], object]) -> None:
    """Make so many calls from so many threads that do nothing else."""

    def loop() -> None:
        for _ in range(calls // threads):
            call()

    workers = [threading.Thread(target=loop) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def own_call(account: Account, reference: Picture, probe: Picture) -> Callable[[], float]:
    """Return a call through our client; each thread has one of its own, with one connection."""
    own = threading.local()

    def call() -> float:
        if not hasattr(own, "comparer"):
            own.comparer = TencentComparer(account, connections=1)
        return own.comparer.compare(reference, probe, quality_control=0).score  # type: ignore[no-any-return]

    return call


def plain_call(account: Account, reference: Picture, probe: Picture) -> Callable[[], float]:
    """Return a call as the vendor's examples make it; each thread has a client of its own."""
    own = threading.local()

    def call() -> float:
        if not hasattr(own, "client"):
            own.client = sdk_client(account)
        request = CompareMaskFaceRequest()
        request.UrlA, request.ImageA = _side(reference)
        request.UrlB, request.ImageB = _side(probe)
        score: float = own.client.CompareMaskFace(request).Score
        return score

    return call


def _side(picture: Picture) -> tuple[str | None, str | None]:
    if picture.url:
        return picture.url, None
    return None, base64.b64encode(picture.data or b"").decode()


@dataclass(frozen=True)
class Shard:
    """A planned shard of pairs of public addresses, and how to compare it."""

    run: Run
    plan: Plan
    options: CompareOptions

    def compare(self) -> None:
        """Take every pair of it to the journal: addresses, permits, calls, entries."""
        compare_shard(self.run, self.plan, self.plan.shards[0], self.options)


def planned(folder: Path, account: Account, *, pairs: int, threads: int | None) -> Shard:
    """Plan so many pairs below a folder of their own."""
    source, warehouse = FileStore(folder / "in"), FileStore(folder / "out")
    run = Run(source=source, warehouse=warehouse, day=DAY, run_id="engine_speed")
    lines = [
        f"p{number},http://pictures.test/{number}.jpg,http://pictures.test/x.jpg" for number in range(pairs)
    ]
    text = "\n".join(["pair_id,reference_id,probe_id", *lines])
    source.put(f"manifests/ds={DAY}/pairs.csv", text.encode())
    options = CompareOptions(
        account=account, permit_store=f"sqlite:///{folder}/permits.sqlite3", calls_in_flight=threads
    )
    return Shard(run, make_plan(run, PlanOptions(max_shards=1)), options)


if __name__ == "__main__":
    sys.exit(main("engine_speed", __doc__, run, GOALS))
