"""What the engine's loop costs at the rate, beside a plain asyncio program that wakes for each event.

Both take the same pairs of addresses, permits from a SQLite file, calls to the same local service (120 ms, at
200 calls a second; then 50 ms without a limit) and write the same journal in files. The plain one is a slice:
a coroutine for each lane, a timer for each slot, and no retries. Rounds alternate; medians of the processor
time of this process count.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import uvloop

from benchmarks.account import account_of
from benchmarks.engine.engine_speed import NO_LIMIT, Cost, Shard, measured, planned
from benchmarks.report import main
from devstack.service import LocalService
from maskmatch.core.clock import SystemClock
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pairs import Pair
from maskmatch.engine.work import Sent, WorkItem
from maskmatch.permits.client.asking import Asking
from maskmatch.permits.client.pacing import LATE_SECONDS, RUN_SECONDS
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from maskmatch.pipeline.compare import images_of
from maskmatch.storage import plans
from maskmatch.storage.journal import Counts, Origin
from maskmatch.storage.journal.records import to_lines
from maskmatch.storage.journal.segments import Segments
from maskmatch.tencent import TencentComparer

LANES = 96
GROUP, COMMIT_SECONDS = 32, 0.5
GOALS = {
    "paced_engine_over_plain_loop": ("<=", 1.0),
    "free_engine_over_plain_loop": ("<=", 1.05),
}


class Permits:
    """Slots, booked in an executor for those who wait."""

    def __init__(self, asking: Asking, *, most: int, executor: ThreadPoolExecutor) -> None:
        self._asking = asking
        self._most = most
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[float]] = deque()
        self._held = 0
        self._changed = asyncio.Event()

    def slot(self) -> asyncio.Future[float]:
        """Return a slot when it has come."""
        self._waiting.append(waiter := self._loop.create_future())
        self._changed.set()
        return waiter

    async def book(self) -> None:
        """Book for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = min(len(self._waiting), self._most) - self._held
            if wanted < 1 or 2 * self._held > self._most:
                continue
            slots = await self._loop.run_in_executor(self._executor, self._ask, wanted)
            self._held += len(slots)
            self._changed.set()
            for slot in slots:
                self._loop.call_later(slot - time.monotonic(), self._pass, slot)

    def _ask(self, calls: int) -> list[float]:
        self._asking.give_way(None)
        return self._asking.ask(calls, unbilled=0, stop=None)

    def _pass(self, slot: float) -> None:
        self._held -= 1
        self._changed.set()
        if self._waiting:
            self._waiting.popleft().set_result(slot)


class Journal:
    """Groups of outcomes, put into the store by an executor."""

    def __init__(self, segments: Segments, *, executor: ThreadPoolExecutor) -> None:
        self._segments = segments
        self._executor = executor
        self._pending: list[Outcome] = []
        self._due = asyncio.Event()

    def record(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self._pending.append(outcome)
        if len(self._pending) >= GROUP:
            self._due.set()

    async def write(self, is_over: asyncio.Event) -> None:
        """Write until it is over."""
        loop = asyncio.get_running_loop()
        while self._pending or not is_over.is_set():
            loop.call_later(COMMIT_SECONDS, self._due.set)
            await self._due.wait()
            self._due.clear()
            if group := self._pending.copy():
                await loop.run_in_executor(self._executor, self._put, group)
                del self._pending[: len(group)]

    def _put(self, group: list[Outcome]) -> None:
        self._segments.append(to_lines(group, Origin("trial"), shard_try=1), Counts())


class PlainLoop:
    """What a plain program does with the pairs of a shard."""

    def __init__(self, shard: Shard) -> None:
        self._shard, self._clock = shard, SystemClock()
        self._rate = shard.options.account.calls_per_second
        self._images = images_of(shard.run, shard.plan, shard.options)

    async def compare(self) -> None:
        """Take every pair to the journal."""
        shard, options, is_over = self._shard, self._shard.options, asyncio.Event()
        key = shard.plan.shards[0].key
        prefix = plans.journal_prefix(key)
        segments = Segments(shard.run.warehouse, prefix, epoch=1, run_id="trial", only_new=True)
        segments.claim()
        coordinator = open_coordinator(
            options.permit_store,
            secret_id=options.account.owner,
            calls_per_second=self._rate,
            clock=self._clock,
        )
        with (
            ThreadPoolExecutor(1, "permits") as booker,
            ThreadPoolExecutor(1, "journal") as writer,
            closing(coordinator),
            closing(TencentComparer(options.account, connections=LANES)) as self._client,
        ):
            self._client.attach()
            claim = Claim(run_id="trial", priority=Priority.NIGHTLY)
            asking = Asking(coordinator, claim, clock=self._clock, say=print, patience_seconds=60)
            most = max(1, int(min(self._rate * RUN_SECONDS, 1000)))
            self._permits = Permits(asking, most=most, executor=booker)
            self._journal = Journal(segments, executor=writer)
            booking = asyncio.create_task(self._permits.book())
            writing = asyncio.create_task(self._journal.write(is_over))
            pairs = iter(plans.read_shard(shard.run.warehouse, key))
            lanes = options.calls_in_flight or LANES
            await asyncio.gather(*(self._lane(pairs) for _ in range(lanes)))
            is_over.set()
            await writing
            booking.cancel()

    async def _lane(self, pairs: Iterator[tuple[int, Pair]]) -> None:
        for order, pair in pairs:
            await self._one(WorkItem(order=order, pair=pair))

    async def _one(self, item: WorkItem) -> None:
        pictures = self._images.load(item.pair.reference_id), self._images.load(item.pair.probe_id)
        call = self._client.prepare(*pictures, quality_control=0)
        slot, ended = await self._permits.slot(), asyncio.get_running_loop().create_future()
        called_at = self._clock.utc()
        self._client.start(call, send_by=slot + LATE_SECONDS, on_end=ended.set_result)
        await ended
        answer = self._client.answer(call)
        sent = Sent(
            called_at=called_at, seconds=call.seconds, bytes_sent=call.bytes_sent, answered_by="trial"
        )
        item.scored(answer.request_id, sent)
        self._journal.record(item.ended(score=answer.score, model_version=answer.model_version))


def run(quick: bool) -> dict[str, float]:
    """Make five rounds of 2,000 paced pairs and 6,400 without a limit; quick: three of 600 and 1,600."""
    rounds, paced, free = (3, 600, 1600) if quick else (5, 2000, 6400)
    return {
        **_figures("paced", rounds, paced, rate=200.0, latency_ms=120, in_flight=None),
        **_figures("free", rounds, free, rate=NO_LIMIT, latency_ms=50, in_flight=32),
    }


def _figures(
    name: str, rounds: int, pairs: int, *, rate: float, latency_ms: int, in_flight: int | None
) -> dict[str, float]:
    ways = {"engine": Shard.compare, "plain_loop": _in_plain_loop}
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        service = LocalService(
            Path(folder), scores="hash", calls_per_second=0, latency_ms=latency_ms, meter=False
        )
        with service:
            account = account_of(service, calls_per_second=rate)
            for number in range(rounds):
                for way, compare in ways.items():
                    shard = planned(Path(folder) / f"{number}-{way}", account, pairs=pairs, threads=in_flight)
                    costs[way].append(measured(pairs, lambda compare=compare, shard=shard: compare(shard)))
    medians = {way: statistics.median(cost.cpu_ms for cost in found) for way, found in costs.items()}
    speeds = {way: statistics.median(cost.per_second for cost in found) for way, found in costs.items()}
    return {
        **{f"{name}_{way}_cpu_ms": round(cpu, 3) for way, cpu in medians.items()},
        **{f"{name}_{way}_per_second": round(speed, 1) for way, speed in speeds.items()},
        f"{name}_engine_over_plain_loop": round(medians["engine"] / medians["plain_loop"], 3),
    }


def _in_plain_loop(shard: Shard) -> None:
    uvloop.run(PlainLoop(shard).compare())


if __name__ == "__main__":
    sys.exit(main("loop_trial", __doc__, run, GOALS))
