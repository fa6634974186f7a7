"""What follows when a call brought no score: the code table says it, here it is done.

    retry               behind the fresh pairs, with full jitter, while attempts and time last; an image that
                        the vendor could not fetch is looked at before, and before the pair fails
    throttle            the same, but it costs no attempt, and the permit store learns of it
    refresh_credential  at once, signed anew or with a newer credential; the second time it stops the run
    fail_pair           the pair fails
    fail_image          the pair fails, and what is learnt of its images may settle later ones
    stop_run            the run ends, with the cure

Each call is in the journal before its pair goes on; one whose fate is unknown may have been billed: its entry
is durable before the pair is called again.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, StopRun, Unavailable
from maskmatch.core.outcomes import Reason
from maskmatch.core.workers import Workers
from maskmatch.engine.breaker import Breaker, is_outage
from maskmatch.engine.context import CompareContext
from maskmatch.engine.permit import Permit
from maskmatch.engine.recording import Recorder
from maskmatch.engine.work import WorkItem, WorkQueue

_NOT_FETCHED = "FailedOperation.ImageDownloadError"
_TOKEN_FAILURE = "AuthFailure.TokenFailure"  # noqa: S105  a code of the vendor


class Credential:
    """Sees to it that one expired credential is renewed once, however many calls were refused with it."""

    def __init__(self, refresh: Callable[[], bool]) -> None:
        self._refresh = refresh
        self._workers = Workers("compare-credential", most=1)
        self._turn = asyncio.Lock()
        self.generation = 0
        self.close = self._workers.shutdown

    async def renew(self, generation: int) -> bool:
        """Return True if there is a newer credential than the one that was refused."""
        async with self._turn:
            if generation == self.generation:
                loop = asyncio.get_running_loop()
                if not await loop.run_in_executor(self._workers, self._refresh):
                    return False
                self.generation += 1
            return True


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that brought no score: with which ticket of the breaker and which credential it was made.

    `permit` is None where it came to nothing before it got one.
    """

    item: WorkItem
    failure: CallFailed
    ticket: int
    generation: int
    permit: Permit | None = None


class FailureHandler:
    """Takes a pair whose call failed to its next step: its end, or another try."""

    def __init__(
        self, context: CompareContext[Any], queue: WorkQueue, breaker: Breaker, recorder: Recorder
    ) -> None:
        self._context = context
        self._queue = queue
        self._breaker = breaker
        self._recorder = recorder
        self.credential = Credential(context.client.refresh)

    async def settle(self, failed: FailedCall) -> Reason | None:
        """Return why the pair has failed, or None when it is to be tried again and waits for that.

        Raise StopRun or Unavailable, with the pair left to the next run, when going on is of no use.
        """
        failure, rule = failed.failure, failed.failure.rule
        if rule.billed is Billed.NO and failed.permit:
            failed.permit.refund()
        if not rule.known and self._context.progress.add_unknown(rule.code):
            self._context.warn(f"unknown code, treated as {rule.action}: {failure}")
        if is_outage(failure):
            self._breaker.failed(failed.ticket, failure)
        else:
            self._breaker.answered(failed.ticket)
        reason = await self._next_step(failed, rule.action)
        if reason is None:  # else the end of the pair comes first: what was paid for is not to be lost
            await self._recorder.wait_for_room()
        return reason

    async def _next_step(self, failed: FailedCall, action: Action) -> Reason | None:
        match action:
            case Action.RETRY:
                return self._retry(failed)
            case Action.THROTTLE:
                return self._throttle(failed)
            case Action.REFRESH_CREDENTIAL:
                return await self._refresh(failed)
            case Action.FAIL_IMAGE:
                reason = failed.item.reason
                return reason and self._context.bad_images.record_failure(failed.item.known_as, reason)
            case Action.FAIL_PAIR:
                return failed.item.reason
            case Action.STOP_RUN:
                raise _stop_run(failed)

    def _retry(self, failed: FailedCall) -> Reason | None:
        item, failure = failed.item, failed.failure
        if failure.never_sent and self._breaker.allowed_calls < math.inf:
            self._queue.put_back(item)  # costs no attempt: the breaker bounds how often
            return None
        item.attempts += 1
        is_looked_at = failure.rule.code == _NOT_FETCHED and self._forget_images(item)
        item.unfetched += is_looked_at
        if item.may_try_again(failure.rule, self._context.limits):
            self._try_later(failed)
            return None
        if is_looked_at:
            item.is_spent = True  # it fails when its images can be read: else their store is the reason
            self._try_later(failed)
            return None
        if failure.never_sent and self._breaker.most_fail_now():
            raise Unavailable(f"{failure.rule.meaning} {failure.message}") from failure
        return item.reason

    def _forget_images(self, item: WorkItem) -> bool:
        """Let the images of a pair be looked at anew; return True if that is possible for any of them."""
        forgotten = [self._context.forget(name) for name in (item.pair.reference_id, item.pair.probe_id)]
        return any(forgotten)

    def _throttle(self, failed: FailedCall) -> Reason | None:
        self._context.permits.throttled(failed.failure.rule.throttle_scope)
        if failed.item.tried_seconds >= self._context.limits.seconds:
            return failed.item.reason
        self._try_later(failed)
        return None

    async def _refresh(self, failed: FailedCall) -> Reason | None:
        item, rule = failed.item, failed.failure.rule
        item.renewals += 1
        is_renewed = rule.code != _TOKEN_FAILURE or await self.credential.renew(failed.generation)
        if not is_renewed or item.renewals >= rule.attempts:
            raise _stop_run(failed)
        self._enter(failed)
        self._queue.put_back(item)
        return None

    def _enter(self, failed: FailedCall) -> None:
        """Enter the call of a pair that goes on."""
        item = failed.item
        item.must_be_durable |= failed.failure.rule.billed is Billed.UNKNOWN and bool(item.calls.attempts)
        self._recorder.enter_call(item.interim())

    def _try_later(self, failed: FailedCall) -> None:
        item = failed.item
        self._enter(failed)
        pause = self._context.limits.pause(item.setbacks, self._context.jitter())
        item.tried_seconds += pause
        self._queue.later(item, seconds=pause)


def _stop_run(failed: FailedCall) -> StopRun:
    failure = failed.failure
    error = StopRun(f"{failure.rule.meaning} The vendor said: {failure}")
    error.__cause__ = failure
    return error
