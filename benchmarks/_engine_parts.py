"""Both sides of engine_speed: the whole engine on one shard, and the vendor's client as it comes."""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from _account import sdk_client
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from maskmatch.core.image_rules import Picture
from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.pipeline.compare import CompareOptions, compare_shard
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore
from maskmatch.tencent import Account, TencentComparer

DAY = date(2026, 1, 1)
NO_LIMIT = 1e6
"""Calls per second: more than any client here can make."""


@dataclass(frozen=True)
class Cost:
    """What one round took: calls per second, and processor milliseconds of this process per call."""

    per_second: float
    cpu_ms: float


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


def planned(folder: Path, account: Account, *, pairs: int, threads: int) -> Shard:
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
