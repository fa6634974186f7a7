"""A run of the engine: pairs are taken up, compared side by side, and left in order, within the rate limit.

    go      take pairs up while there is a place for their calls: fresh ones first, behind them those to be
            tried again (work); each is a task (compare). One more task books permits, and a tick looks at
            what nothing wakes for
    leave   send nothing more; wait for the calls in flight; enter what unfinished pairs have cost

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
from collections.abc import Iterable
from typing import Generic

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import BudgetSpent, CallFailed, Interrupted
from maskmatch.core.pairs import Pair
from maskmatch.engine.compare import PairComparer
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.stopping import StopSignal
from maskmatch.engine.work import Sent, WorkItem, WorkQueue

_TICK_SECONDS = 0.05
"""How often a stop, the progress, pauses that have ended and preparations that hang are looked at."""
_HANGS_SECONDS = 0.5
"""The permits that a store brings later than this stay spent."""
_LONGEST_CALL = 3
"""Times its time limit, which begins anew while a request leaves slowly."""


def compare_pairs(pairs: Iterable[tuple[int, Pair] | None], context: CompareContext[C]) -> None:
    """Take every (call order, pair) to an outcome in the journal; None stands for one that is not there yet.

    Raise StopRun when a person must act, BudgetSpent when no more may be spent, Unavailable when a later try
    may help, Interrupted when `context.stop` was set. What is in the journal by then stays valid: calls in
    flight are finished first, and those that hang are entered as unknown.
    """
    stop = StopSignal(context.stop)
    with asyncio.Runner(loop_factory=context.new_loop) as runner:
        run = runner.run(_started(pairs, context, stop))
        try:
            runner.run(run.go())
        except BaseException as error:
            stop.fail(error)
            raise
        finally:
            stop.set()  # wakes those who wait for a permit
            is_complete = runner.run(run.leave())
    if stop.error and not (is_complete and isinstance(stop.error, BudgetSpent)):
        raise stop.error
    if not is_complete:
        raise Interrupted("stopped on request; finished pairs are in the journal")


async def _started(
    pairs: Iterable[tuple[int, Pair] | None], context: CompareContext[C], stop: StopSignal
) -> "_Run[C]":
    return _Run(pairs, context, stop)


class _Run(Generic[C]):
    def __init__(
        self, pairs: Iterable[tuple[int, Pair] | None], context: CompareContext[C], stop: StopSignal
    ) -> None:
        self._context = context
        self._stop = stop
        self._queue = WorkQueue(pairs, clock=context.clock, limits=context.limits)
        self._comparer = PairComparer(context, self._queue, stop)
        self._dispatcher = self._comparer.dispatcher
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_filling = True
        self._left_behind: set[WorkItem] = set()
        self._booking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        context.client.attach()
        asyncio.get_running_loop().set_exception_handler(
            lambda _, found: self._fail(found.get("exception") or RuntimeError(found["message"]))
        )

    async def go(self) -> None:
        """Do all there is to do, until there is nothing left or the run is to end."""
        self._booking = asyncio.create_task(self._book())
        self._tick()
        while not self._stop.is_set() and (self._tasks or self._queue.has_more()):
            self._start_pairs()
            await self._changed.wait()
            self._changed.clear()

    async def leave(self) -> bool:
        """Wait for the calls in flight, keep what unfinished pairs have cost; return True if all are done."""
        context = self._context
        self._dispatcher.close()
        is_failed = isinstance(self._stop.error, Exception)  # and not interrupted, which is in a hurry
        seconds = _LONGEST_CALL * context.call_timeout if is_failed else context.drain_seconds
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await asyncio.wait([self._booking], timeout=_HANGS_SECONDS)
        out = self._dispatcher.leave()
        self._left_behind = {paid.item for paid in out}
        await asyncio.sleep(0)  # what has just ended is entered; then nothing is waited for any longer
        rest = [self._booking, *self._tasks]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        self._comparer.close()
        for paid in out:
            lost = CallFailed(rule_for("ClientNetworkError"), "the run ended before the answer came")
            seconds = (context.clock.utc() - paid.called_at).total_seconds()
            sent = Sent(called_at=paid.called_at, seconds=seconds, bytes_sent=paid.call.bytes_sent)
            paid.item.refused(lost, sent)
        is_complete = not (out or self._has_more())
        self._keep([*(paid.item for paid in out), *self._queue.unfinished()])
        return is_complete

    def _has_more(self) -> bool:
        """Return True if there are pairs left; to know it may take one from a source that fails now."""
        try:
            return self._queue.has_more()
        except Exception as error:  # noqa: BLE001  it must not hide the first
            self._stop.fail(error)
            return True

    def _keep(self, items: Iterable[WorkItem]) -> None:
        """Enter what unfinished pairs have cost; an error must not hide the first, which may be the same."""
        for item in items:
            try:
                self._comparer.recorder.enter_call(item.interim())
            except Exception as error:  # noqa: BLE001  it keeps the entry all the same, and the next ones
                self._stop.fail(error)

    async def _book(self) -> None:
        try:
            await self._dispatcher.book()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  raised when the run is left
            if type(error) is not Interrupted or not self._stop.is_set():
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._stop.fail(error)
        self._changed.set()

    def _tick(self) -> None:
        context = self._context
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)
        self._stop.look()
        context.progress.calls_in_flight = self._dispatcher.in_flight
        context.progress.paused = context.permits.paused
        context.progress.tick()
        context.client.take_in()
        self._comparer.preparer.look()
        self._dispatcher.settle()
        self._dispatcher.look()
        self._changed.set()

    def _start_pairs(self) -> None:
        """Take up pairs while there is a place for their calls."""
        while self._has_place() and (item := self._queue.take()):
            self._tasks.add(asyncio.create_task(self._compare(item)))

    def _has_place(self) -> bool:
        """Return True if calls are to be made ready: those that hang take no place of others."""
        most = min(self._comparer.memory.ahead, self._dispatcher.allowed)  # what is ready for long goes stale
        unsent = len(self._tasks) - self._dispatcher.in_flight
        ready = unsent - (self._comparer.preparer.hanging if self._comparer.memory.is_known else 0)
        self._is_filling = ready < most and (self._is_filling or 2 * ready <= most)
        is_affordable = len(self._tasks) < self._comparer.memory.affordable or not unsent
        is_going_on = not self._stop.is_set() and self._comparer.breaker.allowed_calls >= 1
        is_held_up = self._comparer.preparer.is_held_up(ready)
        return self._is_filling and is_affordable and is_going_on and not is_held_up

    async def _compare(self, item: WorkItem) -> None:
        """Let a pair go on; what ends that ends the run."""
        try:
            await self._comparer.compare(item)
        except asyncio.CancelledError:
            if item not in self._left_behind and not item.is_done:
                self._queue.put_back(item)
            raise
        except BaseException as error:
            self._queue.put_back(item)
            self._fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._tasks -= {asyncio.current_task()}  # it is over, though its task ends a moment later
            self._changed.set()
