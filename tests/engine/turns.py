"""One simulated time for many threads: one of them runs at a time, the one whose wait ends first.

    a thread waits ──> what happens in the world by then ──> the thread whose turn is next goes on

So several whole engines, each with its event loop and the threads beside it, run against one simulated
service, and all that happens follows from a seed.
"""

import asyncio
import heapq
import itertools
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any

_START_SECONDS = 0.0002
"""Until a thread takes up a job."""


class _Turn:
    """A thread that waits; `number` counts its waits, so that a turn that came too late is known."""

    def __init__(self) -> None:
        self.go_on = threading.Lock()
        self.go_on.acquire()
        self.number = 0
        self.may_be_woken = False


class Turns:
    """Simulated seconds, and whose turn it is; `run` is called once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.error: BaseException | None = None
        self._count = itertools.count()
        self._coming: list[tuple[float, int, _Turn | Callable[[], None], int]] = []
        self._local = threading.local()
        self._all: list[_Turn] = []
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self._running = 0

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Let something happen in the world."""
        heapq.heappush(self._coming, (when, next(self._count), action, 0))

    def run(self, programs: list[tuple[float, Callable[[], None]]]) -> None:
        """Run programs from the seconds at which they start, until all have ended."""
        self._running = len(programs)
        for starts_at, program in programs:
            self.start(program, at=starts_at, counts=True)
        self._pass_on(None)
        self._over.wait()
        for turn in self._all:
            if turn.go_on.locked():
                turn.go_on.release()
        for thread in self._threads:
            thread.join()
        if self.error:
            raise self.error

    def start(self, work: Callable[[], None], *, at: float, counts: bool = False) -> None:
        """Start a thread that has its first turn at this time."""
        turn = _Turn()
        self._all.append(turn)
        heapq.heappush(self._coming, (at, next(self._count), turn, 0))
        thread = threading.Thread(target=self._work, args=(turn, work, counts), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, turn: _Turn, work: Callable[[], None], counts: bool) -> None:
        self._local.turn = turn
        turn.go_on.acquire()
        try:
            self._end_if_over()
            work()
        except SystemExit:
            return
        except BaseException as error:  # noqa: BLE001  raised by `run`
            self.error = self.error or error
            self._over.set()
            return
        self._running -= counts
        if self._running:
            self._pass_on(None)
        else:
            self._over.set()

    def mine(self) -> _Turn:
        """Return the turn of the calling thread."""
        turn: _Turn = self._local.turn
        return turn

    def wait(self, seconds: float, *, may_be_woken: bool = False) -> None:
        """Let others have their turns until this time has passed."""
        self._end_if_over()
        me = self.mine()
        me.may_be_woken = may_be_woken
        heapq.heappush(self._coming, (self.now + seconds, next(self._count), me, me.number))
        self._pass_on(me)
        me.may_be_woken = False

    def wake(self, turn: _Turn) -> None:
        """End the wait of a thread now, if it may be woken."""
        if turn.may_be_woken:
            heapq.heappush(self._coming, (self.now, next(self._count), turn, turn.number))

    def _pass_on(self, me: _Turn | None) -> None:
        while True:
            when, _, what, number = heapq.heappop(self._coming)
            if not isinstance(what, _Turn):
                self.now = max(self.now, when)
                what()
            elif what.number == number:
                self.now = max(self.now, when)
                what.number += 1
                if what is not me:
                    what.go_on.release()
                    self._pause(me)
                return

    def _pause(self, me: _Turn | None) -> None:
        if me:
            me.go_on.acquire()
            self._end_if_over()

    def _end_if_over(self) -> None:
        if self._over.is_set():
            raise SystemExit


class TurnsClock:
    """The clock of one thread or more."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def now(self) -> float:
        return self._turns.now

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._turns.now)

    def sleep(self, seconds: float) -> None:
        self._turns.wait(max(0.0, seconds))

    def wait(self, event: threading.Event, seconds: float) -> None:
        if not event.is_set():
            self.sleep(seconds)


class TurnsCondition:
    """What a thread waits for under a lock, until another one says so or the time has passed."""

    def __init__(self, turns: Turns, lock: threading.Lock) -> None:
        self._turns, self._lock = turns, lock
        self._waits: _Turn | None = None

    def wait(self, seconds: float) -> None:
        self._waits = self._turns.mine()
        self._lock.release()
        self._turns.wait(seconds, may_be_woken=True)
        self._lock.acquire()
        self._waits = None

    def notify(self) -> None:
        if self._waits:
            self._turns.wake(self._waits)


class _Selector(selectors.SelectSelector):
    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen")
        if timeout > 0:
            self._turns.wait(timeout, may_be_woken=True)
        return []


class TurnsLoop(asyncio.SelectorEventLoop):
    """An event loop in a thread of its own; each executor is one thread more."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._turn = turns.mine()
        self._jobs: dict[Executor | None, _Jobs] = {}
        super().__init__(_Selector(turns))

    def time(self) -> float:
        return self._turns.now

    def wake(self, callback: Callable[[], None]) -> None:
        """Let the loop do something now, if it does not sleep."""
        self.call_soon(callback)
        self._turns.wake(self._turn)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        job = self.create_future()
        if executor not in self._jobs:
            self._jobs[executor] = _Jobs(self._turns, self)
        self._jobs[executor].add(job, lambda: func(*args))
        return job


class _Jobs:
    """A thread that does one job after the other."""

    def __init__(self, turns: Turns, loop: TurnsLoop) -> None:
        self._turns, self._loop = turns, loop
        self._jobs: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []
        self._idle: _Turn | None = None
        turns.start(self._work, at=turns.now + _START_SECONDS)

    def add(self, job: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        self._jobs.append((job, work))
        if self._idle:
            self._turns.wake(self._idle)

    def _work(self) -> None:
        while True:
            while self._jobs:
                self._do(*self._jobs.pop(0))
            self._idle = self._turns.mine()
            self._turns.wait(1e9, may_be_woken=True)
            self._idle = None
            self._turns.wait(_START_SECONDS)

    def _do(self, job: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  raised where the result is taken
            if not job.done():
                self._loop.wake(lambda error=error: job.done() or job.set_exception(error))  # type: ignore[misc]
        else:
            self._loop.wake(lambda: job.done() or job.set_result(result))  # type: ignore[func-returns-value]
