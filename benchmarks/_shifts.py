"""Processes that call the stand-in gateway in shifts: all the time, or from one time until another."""

import math
import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier

from _fleet import WAYS, Crew, call

from maskmatch.pipeline.task_process import die_with_parent

_STACK_BYTES = 256 * 1024
_READY_SECONDS = 60
_BEFORE_START_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Call from one time until another (seconds since the start), as often as one may or so often at most."""

    since: float
    until: float
    calls_per_second: float = math.inf


Rota = Sequence[tuple[Crew, Sequence[Shift]]]


@contextmanager
def at_work(rota: Rota) -> Iterator[int]:
    """Run a process for each crew while the block runs; yield the start, a whole second since 1970.

    It comes when all are ready; it is whole so that a limiter's burst falls into the second it belongs to.
    """
    context = multiprocessing.get_context("spawn")
    barrier, start = context.Barrier(len(rota) + 1, timeout=_READY_SECONDS), context.Value("d")
    processes = [context.Process(target=work, args=(*line, barrier, start), daemon=True) for line in rota]
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


def work(crew: Crew, shifts: Sequence[Shift], barrier: Barrier, start: "Synchronized[float]") -> None:
    """Work one shift after the other."""
    die_with_parent()
    threading.stack_size(_STACK_BYTES)
    way = WAYS[crew.way](crew)
    barrier.wait()  # all are ready
    barrier.wait()  # the start is set
    for shift in shifts:
        _sleep_until(start.value + shift.since)
        pace, stop = _Pace(shift, start.value), threading.Event()
        for _ in range(crew.threads):
            threading.Thread(
                target=call, args=(crew, way, stop), kwargs={"await_work": pace.wait}, daemon=True
            ).start()
        _sleep_until(start.value + shift.until)
        stop.set()


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


class _Pace:
    """When the work itself gives the next call to make, whatever the rate limit says."""

    def __init__(self, shift: Shift, start: float) -> None:
        self._interval = 1 / shift.calls_per_second
        self._due = start + shift.since
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self._due += self._interval
            due = self._due
        _sleep_until(due)
