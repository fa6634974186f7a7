"""One event loop in one thread, tried beside the threads of the engine: permit, call and journal of a pair.

Both take the same pairs of addresses, permits from a SQLite file, calls to the same local service (120 ms, at
200 calls a second; then 50 ms without a limit) and a journal in files. The loop is a slice: it knows no
retries. Requests are sent and answers taken in by the engine's own code on the loop's events, so where a call
broke is told as before. Rounds alternate; medians of the processor time of this process count.
"""

import asyncio
import json
import selectors
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import uvloop

from benchmarks.account import account_of
from benchmarks.engine.engine_speed import NO_LIMIT, Cost, Shard, measured, planned
from benchmarks.engine.loop_wire import LoopComparer
from benchmarks.report import main
from devstack.service import LocalService
from maskmatch.core.clock import SystemClock
from maskmatch.core.outcomes import Outcome, Source
from maskmatch.core.pairs import Pair
from maskmatch.engine.breaker import Breaker, BreakerLimits
from maskmatch.engine.capacity import Capacity, Ended
from maskmatch.engine.progress import Progress
from maskmatch.engine.retries import Trial
from maskmatch.engine.verdicts import Verdicts
from maskmatch.permits.client.asking import Asking
from maskmatch.permits.client.pacing import LATE_SECONDS, RUN_SECONDS
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from maskmatch.storage import plans
from maskmatch.storage.images import StoreImages, Transfer
from maskmatch.storage.journal.segments import Segments
from maskmatch.storage.object_stores import open_store

Loops = Callable[[], asyncio.AbstractEventLoop]
LANES = 96
GROUP, COMMIT_SECONDS = 32, 0.5
GOALS = {
    "paced_uvloop_over_threads": ("<=", 1.05),
    "free_uvloop_over_threads": ("<=", 1.05),
}


class NappingSelector(selectors.EpollSelector):
    """Sleeps through waits below 10 ms, as the engine's poll does, so that several events come at once."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, after the nap."""
        if timeout is None or timeout > 0:
            nap = 0.01 if timeout is None else min(timeout, 0.01)
            time.sleep(nap)
            timeout = 0
        return super().select(timeout)


LOOPS: dict[str, Loops] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.SelectorEventLoop,
    "napping": lambda: asyncio.SelectorEventLoop(NappingSelector()),
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

    def __init__(self, segments: Segments, *, run_id: str, executor: ThreadPoolExecutor) -> None:
        self._segments = segments
        self._run_id = run_id
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
        records = ({"run_id": self._run_id} | outcome.to_record() for outcome in group)
        self._segments.append("".join(json.dumps(record) + "\n" for record in records).encode())


class Slice:
    """What the loop does with the pairs of a shard."""

    def __init__(self, shard: Shard) -> None:
        self._shard, self._clock = shard, SystemClock()
        account = shard.options.account
        self._rate = account.calls_per_second
        self._breaker = Breaker(BreakerLimits(), clock=self._clock, say=print)
        self._verdicts = Verdicts()
        self._capacity = Capacity(calls_per_second=self._rate, time_limit=10.0, most=400, now=self._clock.now)
        self._images = StoreImages(shard.run.source, transfer=Transfer.BYTES, open_store=open_store)
        self._in_flight = 0

    async def compare(self) -> None:
        """Take every pair to the journal."""
        shard, loop = self._shard, asyncio.get_running_loop()
        options, key = shard.options, shard.plan.shards[0].key
        is_over, claim = asyncio.Event(), Claim(run_id="trial", priority=Priority.NIGHTLY)
        self._progress = Progress(shard.plan.shards[0].pairs, clock=self._clock, say=print)
        segments = Segments(shard.run.warehouse, plans.journal_prefix(key), epoch=1, only_new=True)
        segments.claim()
        with (
            ThreadPoolExecutor(1, "permits") as booker,
            ThreadPoolExecutor(1, "journal") as writer,
            closing(
                open_coordinator(
                    options.permit_store,
                    secret_id=options.account.owner,
                    calls_per_second=self._rate,
                    clock=self._clock,
                )
            ) as coordinator,
            closing(LoopComparer(options.account, connections=LANES, loop=loop)) as self._comparer,
        ):
            asking = Asking(coordinator, claim, clock=self._clock, say=print, patience_seconds=60)
            most = max(1, int(min(self._rate * RUN_SECONDS, 1000)))
            self._permits = Permits(asking, most=most, executor=booker)
            self._journal = Journal(segments, run_id="trial", executor=writer)
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
            await self._one(order, pair)

    async def _one(self, order: int, pair: Pair) -> None:
        trial = Trial(order=order, pair=pair)
        if self._verdicts.on(pair):
            return
        pictures = self._images.load(pair.reference_id), self._images.load(pair.probe_id)
        call = self._comparer.prepare(*pictures, quality_control=pair.quality_control or 0)
        slot = await self._permits.slot()
        ticket, called_at = self._breaker.admit(), self._clock.utc()
        self._verdicts.begin(pair)
        self._in_flight += 1
        at_start = self._in_flight
        await self._comparer.send(call, send_by=slot + LATE_SECONDS)
        self._capacity.answered(Ended(call.seconds, self._in_flight, at_start, is_needed=True))
        self._in_flight -= 1
        answer = self._comparer.answer(call)
        trial.scored(answer.request_id, seconds=call.seconds, called_at=called_at)
        self._breaker.answered(ticket or 0)
        self._verdicts.scored(pair)
        self._verdicts.end(pair)
        outcome = trial.ended(score=answer.score, model_version=answer.model_version, source=Source.API)
        self._journal.record(outcome)
        self._progress.add(outcome)


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
    costs: dict[str, list[Cost]] = {"threads": [], **{loop: [] for loop in LOOPS}}
    with tempfile.TemporaryDirectory() as folder:
        service = LocalService(
            Path(folder), scores="hash", calls_per_second=0, latency_ms=latency_ms, meter=False
        )
        with service:
            account = account_of(service, calls_per_second=rate)
            for number in range(rounds):
                for way, found in costs.items():
                    shard = planned(Path(folder) / f"{number}-{way}", account, pairs=pairs, threads=in_flight)
                    work = shard.compare if way == "threads" else lambda: _in_loop(way, shard)  # noqa: B023
                    found.append(measured(pairs, work))
    medians = {way: statistics.median(cost.cpu_ms for cost in found) for way, found in costs.items()}
    speeds = {way: statistics.median(cost.per_second for cost in found) for way, found in costs.items()}
    return {
        **{f"{name}_{way}_cpu_ms": round(cpu, 3) for way, cpu in medians.items()},
        **{f"{name}_{way}_per_second": round(speed, 1) for way, speed in speeds.items()},
        **{f"{name}_{way}_over_threads": round(medians[way] / medians["threads"], 3) for way in LOOPS},
    }


def _in_loop(way: str, shard: Shard) -> None:
    """Run the slice in a thread of its own, as the engine would, so that signals stay with the caller."""

    def target() -> None:
        with asyncio.Runner(loop_factory=LOOPS[way]) as runner:
            runner.run(Slice(shard).compare())

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


if __name__ == "__main__":
    sys.exit(main("loop_trial", __doc__, run, GOALS))
