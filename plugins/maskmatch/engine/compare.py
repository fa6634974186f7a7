"""The whole story of one pair, from its images to its outcome in the journal; none is paid for twice.

    look up its images       one that is known to be bad fails the pair without a call (bad_images)
    prepare its call         both images, a signature, a connection, in worker threads (preparing)
    look for an answer       to the same images, of an earlier run or of another pair (preparing, same_work)
    wait for a permit        and for a place in flight, unless the service is down (dispatcher, breaker)
    call CompareMaskFace     and wait for its answer
    look at the answer       the code table says what an error means: later, record, or stop (failures)
    write to the journal     which holds back when too much is not yet durable (recording)

One coroutine for each pair, all on one event loop (run): nothing here needs a lock. At any moment the journal
lacks at most the calls in flight and one group: a killed task pays again for no more.

Decision: docs/adr/0002-a-call-is-in-flight-until-it-is-journaled.md
Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
from typing import Generic

from maskmatch.core.codes import Action
from maskmatch.core.errors import CallFailed
from maskmatch.core.outcomes import Outcome, Reason, Source
from maskmatch.engine.breaker import Breaker, is_outage
from maskmatch.engine.capacity import Capacity, Ended, is_refused
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.dispatcher import Dispatcher, PaidCall
from maskmatch.engine.failures import FailedCall, FailureHandler
from maskmatch.engine.memory import ImageMemory
from maskmatch.engine.preparing import Later, Preparer
from maskmatch.engine.recording import Recorder
from maskmatch.engine.same_work import SameWork
from maskmatch.engine.stopping import StopSignal
from maskmatch.engine.work import KnownAnswer, Sent, WorkItem, WorkQueue

_PENDING_SECONDS = 0.25
"""About what a call takes: then a pair is looked at again whose image may turn out to be bad in another."""
_UNREACHED_SECONDS = 0.05
"""Before a pair goes on that reached no service: a refused connection takes no time, and must not spin."""


class PairComparer(Generic[C]):
    """All that a pair meets on its way."""

    def __init__(self, context: CompareContext[C], queue: WorkQueue, stop: StopSignal) -> None:
        self._context = context
        self._queue = queue
        self._capacity = Capacity(
            calls_per_second=context.calls_per_second,
            time_limit=context.call_timeout,
            most=context.calls_in_flight or context.memory.most,
            now=context.clock.now,
        )
        self.memory = ImageMemory(
            context.memory, calls_per_second=context.calls_per_second, calls=context.calls_in_flight
        )
        self.breaker = Breaker(
            context.breaker,
            clock=context.clock,
            say=context.warn,
            on_back=self._capacity.restart,
            waits=context.waits,
        )
        self.recorder = Recorder(context.journal, context.progress)
        self.preparer = Preparer(context)
        self.dispatcher = Dispatcher(context, stop, self.breaker, self._capacity, self.memory)
        self._same_work = SameWork(queue)
        self._failures = FailureHandler(context, queue, self.breaker, self.recorder)

    def close(self) -> None:
        """Let go of all threads but the one that books permits."""
        for each in (self.preparer, self.recorder, self._failures.credential):
            each.close()

    async def compare(self, item: WorkItem) -> None:
        """Take a pair one call further: to its outcome, or back to where it is tried again."""
        bad_images = self._context.bad_images
        if reason := bad_images.on(item.known_as):
            return await self._finish(item, item.ended(reason=reason, source=Source.VERDICT))
        if bad_images.are_pending(item.known_as):
            return self._queue.later(item, seconds=_PENDING_SECONDS)
        if item.must_be_durable:
            await self.recorder.flush()
            item.must_be_durable = False
        generation, since = self._failures.credential.generation, self._context.clock.now()
        prepared = await self.preparer.prepare(item)
        if isinstance(prepared, Later):
            return self._queue.later(item, seconds=prepared.seconds)
        if isinstance(prepared, CallFailed):
            return await self._settle_unreached(item, prepared, generation, since)
        if isinstance(prepared, (KnownAnswer, Reason)):
            return await self._finish(item, _settled(item, prepared))
        self.memory.note(image_bytes=prepared.image_bytes)
        return await self._send(item, prepared.call, generation)

    async def _send(self, item: WorkItem, call: C, generation: int) -> None:
        if item.is_spent and item.reason:  # its images are there: it is the vendor that cannot fetch them
            self._context.client.give_up(call)
            return await self._finish(item, item.ended(reason=item.reason))
        if answer := self._same_work.answer_to(item):
            self._context.client.give_up(call)
            return await self._finish(item, item.taking_over(answer))
        if not self._same_work.may_call(item):
            return self._context.client.give_up(call)
        paid = await self.dispatcher.send(item, call, generation)
        if paid is None:
            return self._queue.put_back(item)
        try:
            await self._settle(paid)
        finally:
            self._context.bad_images.end(item.known_as)
            self.dispatcher.recorded()

    async def _settle_unreached(
        self, item: WorkItem, failure: CallFailed, generation: int, since: float
    ) -> None:
        """Settle a call for which the service could not be reached, after a moment."""
        clock = self._context.clock
        item.refused(failure, Sent(called_at=clock.utc(), seconds=clock.now() - since))
        await asyncio.sleep(_UNREACHED_SECONDS)
        if (ticket := self.breaker.admit()) is None:
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
        self.breaker.answered(paid.ticket)
        self._context.bad_images.record_score(item.known_as)
        outcome = item.ended(score=answer.score, model_version=answer.model_version)
        return await self._finish(item, outcome)

    async def _fail_call(self, failed: FailedCall) -> None:
        if reason := await self._failures.settle(failed):
            await self._finish(failed.item, failed.item.ended(reason=reason))

    async def _finish(self, item: WorkItem, outcome: Outcome) -> None:
        item.is_done = True
        self._same_work.ended(item, outcome)
        await self.recorder.finish(outcome)
        self._context.on_done(item.pair)
        self._context.model_versions.note(outcome.model_version)

    def _learn(self, paid: PaidCall[C], failure: CallFailed | None = None) -> None:
        """Let the capacity learn from a call; one that broke before its time says nothing of speed."""
        ended = Ended(
            paid.call.seconds,
            in_flight=paid.in_flight_at_end,
            at_start=paid.in_flight_at_start,
            in_hand=paid.in_hand_at_end,
            is_needed=self.dispatcher.ready > 0,
        )
        self._context.progress.measures.ended(
            seconds=ended.seconds,
            waited=paid.waited,
            is_refused=failure is not None and failure.rule.action is Action.THROTTLE,
        )
        if failure and is_refused(failure):
            self._capacity.refused(ended)
        elif not (failure and is_outage(failure)) or ended.seconds >= self._context.call_timeout:
            self._capacity.answered(ended)


def _settled(item: WorkItem, by: KnownAnswer | Reason) -> Outcome:
    """Return the outcome of a pair that needs no call."""
    if isinstance(by, Reason):
        return item.ended(reason=by, source=Source.PREFLIGHT)
    return item.taking_over(by)
