"""How soon a nightly run gets the rate of an account that a backfill uses up, and what the backfill keeps.

Two processes of a backfill take all they get. A nightly arrives and takes all it gets; ends; comes again and
wants a third of the rate only. The stand-in gateway counts calendar seconds, with jitter before it and stalls
behind it, and says whose calls it accepted and when.

Side by side: our coordinator in SQLite and Redis; the best library limiter, shared in Redis (it knows no
priorities); and a limiter in each process, where each run believes that the account is its own.
"""

import math
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.quota.calling import LIMITERS, CallingProcess, call
from benchmarks.quota.gateway import Books, Gateway, running
from benchmarks.report import main
from devstack.redis import Redis
from maskmatch.permits.steps.claims import Priority
from maskmatch.permits.steps.sharing import FLOORS
from maskmatch.pipeline.task_process import die_with_parent

QUOTA = 200
THREADS = 96
NIGHTLY, BACKFILLS = 1, (2, 3)
SETTLED_SECONDS = 2
FLOOR = FLOORS[Priority.BACKFILL]
OURS = ("sqlite", "redis")
GOALS = {
    f"{name}_{figure}": goal
    for name in OURS
    for figure, goal in {
        "nightly_third_second": (">=", 0.95),
        "nightly_share": (">=", 0.95),
        "backfill_of_its_floor": (">=", 0.9),
        "back_after_seconds": ("<=", 1.0),
        "together_when_nightly_wants_a_third": (">=", 0.97),
        "nightly_of_its_third": (">=", 0.97),
    }.items()
}


@dataclass(frozen=True, slots=True)
class Times:
    """When the backfill starts, the nightly comes and goes, comes again, and all ends (seconds)."""

    start: float
    comes: float
    goes: float
    comes_again: float
    end: float

    def since(self, start: float) -> "Times":
        """Return the same with another start."""
        return Times(*(start + each for each in astuple(self)))


TIMES, QUICK_TIMES = Times(0, 3, 11, 15, 23), Times(0, 1, 4, 5, 8)


_STACK_BYTES = 256 * 1024


_READY_SECONDS = 60


_BEFORE_START_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Calls from one time until another (seconds since the start), if need be at most so many a second."""

    since: float
    until: float
    calls_per_second: float = math.inf


Schedule = Sequence[tuple[CallingProcess, Sequence[Phase]]]


def run(quick: bool) -> dict[str, float]:
    """Let runs share a rate behind four limiters, 23 s each (quick: three, 8 s); return their shares."""
    times = QUICK_TIMES if quick else TIMES
    with tempfile.TemporaryDirectory() as folder, Redis(Path(folder) / "redis") as redis:
        limiters = {
            "sqlite": ("permit_store", f"sqlite:///{folder}/permits.sqlite3"),
            **({} if quick else {"redis": ("permit_store", redis.uri)}),
            "pyrate_redis": ("pyrate-redis", redis.uri),
            "own_limiters": ("static", ""),
        }
        figures: dict[str, float] = {"quota_per_second": QUOTA, "backfill_floor": FLOOR}
        for name, (limiter, store) in limiters.items():
            found = _measure(limiter, store, times)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
    return figures


def _measure(limiter: str, store: str, times: Times) -> dict[str, float]:
    with running(Gateway(quota=QUOTA)) as (port, ledger):
        with _running(_schedule(limiter, store, port, times)) as start:
            time.sleep(max(0.0, start + times.end - time.time()))
        return _figures(ledger.books(), times.since(start))


def _schedule(limiter: str, store: str, port: int, times: Times) -> Schedule:
    def caller(number: int, processes: int, priority: Priority) -> CallingProcess:
        return CallingProcess(
            number=number,
            port=port,
            threads=THREADS,
            quota=QUOTA,
            until=math.inf,
            limiter=limiter,
            store=store,
            processes=processes,
            priority=priority,
        )

    always = Phase(since=times.start, until=times.end)
    visits = (
        Phase(since=times.comes, until=times.goes),
        Phase(since=times.comes_again, until=times.end, calls_per_second=QUOTA / 3),
    )
    backfills = [(caller(each, len(BACKFILLS), Priority.BACKFILL), (always,)) for each in BACKFILLS]
    return [*backfills, (caller(NIGHTLY, 1, Priority.NIGHTLY), visits)]


def _figures(books: Books, times: Times) -> dict[str, float]:
    nightly, backfill = _accepted(books, (NIGHTLY,)), _accepted(books, BACKFILLS)
    both = sorted(nightly + backfill)
    settled = times.comes + SETTLED_SECONDS
    again = times.comes_again + min(SETTLED_SECONDS, (times.end - times.comes_again) // 3)
    figures = {
        "alone_before": _share(backfill, times.comes - 1, times.comes),
        "nightly_third_second": _share(nightly, settled, settled + 1),
        "nightly_share": _share(nightly, settled, times.goes),
        "nightly_there_after_seconds": _reached(nightly, times.comes, times.goes),
        "backfill_share": _share(backfill, settled, times.goes),
        "backfill_of_its_floor": _share(backfill, settled, times.goes) / FLOOR,
        "back_after_seconds": _reached(backfill, times.goes, times.comes_again),
        "together_when_nightly_wants_a_third": _share(both, again, times.end),
        "nightly_of_its_third": 3 * _share(nightly, again, times.end),
        "refused_share": books.refused_share(since=times.start, until=times.end),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _accepted(books: Books, callers: Sequence[int]) -> list[float]:
    return [at for at, caller in zip(books.accepted, books.accepted_of, strict=True) if caller in callers]


def _share(accepted: Sequence[float], since: float, until: float) -> float:
    return sum(since <= at < until for at in accepted) / (QUOTA * (until - since))


def _reached(accepted: Sequence[float], since: float, until: float) -> float:
    """Return after how many seconds half a second with 0.95 of the rate begins; if never, the whole time."""
    steps = int((until - since - 0.5) * 20)
    return next(
        (
            step / 20
            for step in range(steps + 1)
            if _share(accepted, since + step / 20, since + step / 20 + 0.5) >= 0.95
        ),
        until - since,
    )


@contextmanager
def _running(schedule: Schedule) -> Iterator[int]:
    """Run the processes of a schedule while the block runs; yield the start, a whole second since 1970.

    It comes when all are ready; it is whole so that a limiter's burst falls into the second it belongs to.
    """
    context = multiprocessing.get_context("spawn")
    barrier, start = context.Barrier(len(schedule) + 1, timeout=_READY_SECONDS), context.Value("d")
    processes = [
        context.Process(target=_call_in_phases, args=(*line, barrier, start), daemon=True)
        for line in schedule
    ]
    for process in processes:
        process.start()
    try:
        barrier.wait()
        since_1970 = math.ceil(time.time() + _BEFORE_START_SECONDS)
        start.value = since_1970 - time.time() + time.monotonic()
        barrier.wait()
        yield since_1970
    finally:
        for process in processes:
            process.kill()
            process.join()


def _call_in_phases(
    caller: CallingProcess, phases: Sequence[Phase], barrier: Barrier, start: "Synchronized[float]"
) -> None:
    """Call in one phase after the other."""
    die_with_parent()
    threading.stack_size(_STACK_BYTES)
    limiter = LIMITERS[caller.limiter](caller)
    barrier.wait()  # all are ready
    barrier.wait()  # the start is set
    for phase in phases:
        _sleep_until(start.value + phase.since)
        pace, stop = _Pace(phase, start.value), threading.Event()
        for _ in range(caller.threads):
            threading.Thread(
                target=call, args=(caller, limiter, stop), kwargs={"await_work": pace.wait}, daemon=True
            ).start()
        _sleep_until(start.value + phase.until)
        stop.set()


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


class _Pace:
    """Spaces the calls that one phase has to make, whatever the rate limit allows."""

    def __init__(self, phase: Phase, start: float) -> None:
        self._interval = 1 / phase.calls_per_second
        self._due = start + phase.since
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self._due += self._interval
            due = self._due
        _sleep_until(due)


if __name__ == "__main__":
    sys.exit(main("priority", __doc__, run, GOALS))
