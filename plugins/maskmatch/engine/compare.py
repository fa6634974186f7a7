"""The whole story: every pair becomes an outcome, within the rate limit, and none is paid for twice.

    take a pair              fresh ones first, behind them those to be tried again (work)
    look up its images       one that is known to be bad fails the pair without a call (bad_images)
    prepare its call         both images, a signature, a connection, in worker threads (preparing)
    wait for a permit        and for a place in flight, unless the service is down (dispatcher, breaker)
    call CompareMaskFace     and wait for its answer
    look at the answer       the code table says what an error means: later, record, or stop (failures)
    write to the journal     which holds back when too much is not yet durable (recording)

One coroutine for each pair, all on one event loop in the calling thread: nothing here needs a lock. At any
moment the journal lacks at most the calls in flight and one group: a killed task pays again for no more.

Decision: docs/adr/0002-a-call-is-in-flight-until-it-is-journaled.md
Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
from collections.abc import Iterable
from typing import Generic

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import BudgetSpent, CallFailed, Interrupted
from maskmatch.core.outcomes import Outcome, Reason, Source
from maskmatch.core.pairs import Pair
from maskmatch.engine.breaker import Breaker, is_outage
from maskmatch.engine.capacity import Capacity, Ended, is_refused
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.dispatcher import Dispatcher, PaidCall
from maskmatch.engine.failures import FailedCall, FailureHandler
from maskmatch.engine.memory import ImageMemory
from maskmatch.engine.preparing import Preparer
from maskmatch.engine.recording import Recorder
from maskmatch.engine.stopping import StopSignal
from maskmatch.engine.work import Sent, WorkItem, WorkQueue

_TICK_SECONDS = 0.05
"""How often a stop, the progress, pauses that have ended and preparations that hang are looked at."""
_VERDICT_SECONDS = 0.25
_UNREACHED_SECONDS = 0.05
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
        self._capacity = Capacity(
            calls_per_second=context.calls_per_second,
            time_limit=context.call_timeout,
            most=context.calls_in_flight or context.memory.most,
            now=context.clock.now,
        )
        self._memory = ImageMemory(
            context.memory, calls_per_second=context.calls_per_second, calls=context.calls_in_flight
        )
        self._breaker = Breaker(
            context.breaker, clock=context.clock, say=context.warn, on_back=self._capacity.restart
        )
        self._recorder = Recorder(context.journal, context.progress)
        self._preparer = Preparer(context)
        self._dispatcher = Dispatcher(context, stop, self._breaker, self._capacity, self._memory)
        self._failures = FailureHandler(context, self._queue, self._breaker, self._recorder)
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
        for each in (self._preparer, self._recorder, self._failures.credential):
            each.close()
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
                self._recorder.enter_call(item.interim())
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
        context.progress.tick()
        context.client.take_in()
        self._preparer.look()
        self._dispatcher.settle()
        self._dispatcher.look()
        self._changed.set()

    def _start_pairs(self) -> None:
        """Take up pairs while there is a place for their calls."""
        while self._has_place() and (item := self._queue.take()):
            self._tasks.add(asyncio.create_task(self._compare(item)))

    def _has_place(self) -> bool:
        """Return True if calls are to be made ready: those that hang take no place of others."""
        most = min(self._memory.ahead, self._dispatcher.allowed)  # what is ready for long goes stale
        unsent = len(self._tasks) - self._dispatcher.in_flight
        ready = unsent - (self._preparer.hanging if self._memory.is_known else 0)
        self._is_filling = ready < most and (self._is_filling or 2 * ready <= most)
        is_affordable = len(self._tasks) < self._memory.affordable or not unsent
        is_going_on = not self._stop.is_set() and self._breaker.allowed_calls >= 1
        return self._is_filling and is_affordable and is_going_on

    async def _compare(self, item: WorkItem) -> None:
        """Take a pair one call further: to its outcome, or back to where it is tried again."""
        try:
            await self._call(item)
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

    async def _call(self, item: WorkItem) -> None:
        bad_images = self._context.bad_images
        if reason := bad_images.on(item.pair):
            return await self._finish(item, item.ended(reason=reason, source=Source.VERDICT))
        if bad_images.are_pending(item.pair):
            return self._queue.later(item, seconds=_VERDICT_SECONDS)
        if item.must_be_durable:
            await self._recorder.flush()
            item.must_be_durable = False
        generation, since = self._failures.credential.generation, self._context.clock.now()
        prepared = await self._preparer.prepare(item)
        if prepared is None:
            return self._queue.later(item, seconds=self._context.limits.longest_pause)
        if isinstance(prepared, Reason):
            return await self._finish(item, item.ended(reason=prepared, source=Source.PREFLIGHT))
        if isinstance(prepared, CallFailed):
            return await self._settle_unreached(item, prepared, generation, since)
        self._memory.note(image_bytes=prepared.image_bytes)
        return await self._send(item, prepared.call, generation)

    async def _send(self, item: WorkItem, call: C, generation: int) -> None:
        paid = await self._dispatcher.send(item, call, generation)
        if paid is None:
            return self._queue.put_back(item)
        try:
            await self._settle(paid)
        finally:
            self._context.bad_images.end(item.pair)
            self._dispatcher.recorded()

    async def _settle_unreached(
        self, item: WorkItem, failure: CallFailed, generation: int, since: float
    ) -> None:
        """Settle a call for which the service could not be reached, after a moment."""
        clock = self._context.clock
        item.refused(failure, Sent(called_at=clock.utc(), seconds=clock.now() - since))
        await asyncio.sleep(_UNREACHED_SECONDS)
        if (ticket := self._breaker.admit()) is None:
            return self._queue.put_back(item)
        return await self._fail_call(FailedCall(item, failure, ticket, generation))

    async def _settle(self, paid: PaidCall[C]) -> None:
        item, call, client = paid.item, paid.call, self._context.client
        sent = Sent(
            called_at=paid.called_at,
            seconds=call.seconds,
            bytes_sent=call.bytes_sent,
            answered_by=client.answered_by(call),
        )
        try:
            answer = client.answer(call)
        except CallFailed as failure:
            self._learn(paid, failure)
            item.refused(failure, sent)
            failed = FailedCall(item, failure, paid.ticket, paid.generation, paid.permit)
            return await self._fail_call(failed)
        self._learn(paid)
        item.scored(answer.request_id, sent)
        self._breaker.answered(paid.ticket)
        self._context.bad_images.record_score(item.pair)
        outcome = item.ended(score=answer.score, model_version=answer.model_version)
        return await self._finish(item, outcome)

    async def _fail_call(self, failed: FailedCall) -> None:
        if reason := await self._failures.settle(failed):
            await self._finish(failed.item, failed.item.ended(reason=reason))

    async def _finish(self, item: WorkItem, outcome: Outcome) -> None:
        item.is_done = True
        await self._recorder.finish(outcome)
        self._context.on_done(item.pair)

    def _learn(self, paid: PaidCall[C], failure: CallFailed | None = None) -> None:
        """Let the capacity learn from a call; one that broke before its time says nothing of speed."""
        ended = Ended(
            paid.call.seconds,
            in_flight=paid.in_flight_at_end,
            at_start=paid.in_flight_at_start,
            in_hand=paid.in_hand_at_end,
            is_needed=self._dispatcher.ready > 0,
        )
        if failure and is_refused(failure):
            self._capacity.refused(ended)
        elif not (failure and is_outage(failure)) or ended.seconds >= self._context.call_timeout:
            self._capacity.answered(ended)
