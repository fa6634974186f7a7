"""What follows when a call brought no score: the code table says it, here it is done.

    retry               behind the fresh pairs, with full jitter, while attempts and time last
    throttle            the same, but it costs no attempt, and the permit store learns of it
    refresh_credential  at once, signed anew or with a newer credential; the second time it stops the run
    fail_pair           the pair fails
    fail_image          the pair fails, and the verdict on its images may settle later ones
    stop_run            the run ends, with the cure

A call whose fate is unknown may have been billed: it is in the journal at once, and durable before the pair
is called again.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, StopRun, Unavailable
from maskmatch.core.outcomes import Reason
from maskmatch.engine.breaker import Breaker, is_outage
from maskmatch.engine.context import Engine
from maskmatch.engine.retries import Backlog, Trial

_TOKEN_FAILURE = "AuthFailure.TokenFailure"  # noqa: S105  a code of the vendor


class Credential:
    """Sees to it that one expired credential is renewed once, however many calls were refused with it."""

    def __init__(self, refresh: Callable[[], bool]) -> None:
        self._refresh = refresh
        self._lock = threading.Lock()
        self.generation = 0

    def renew(self, generation: int) -> bool:
        """Return True if there is a newer credential than the one that was refused."""
        with self._lock:
            if generation == self.generation:
                if not self._refresh():
                    return False
                self.generation += 1
            return True


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that brought no score: with which ticket of the breaker and which credential it was made.

    `had_permit` is False where it came to nothing before it got one.
    """

    trial: Trial
    failure: CallFailed
    ticket: int
    generation: int
    had_permit: bool = True


class Refusals:
    """Takes a pair whose call failed to its next step: its end, or another try."""

    def __init__(self, engine: Engine[Any], backlog: Backlog, breaker: Breaker) -> None:
        self._engine = engine
        self._backlog = backlog
        self._breaker = breaker
        self.credential = Credential(engine.comparer.refresh)
        self._steps: dict[Action, Callable[[Refusal], Reason | None]] = {
            Action.RETRY: self._retry,
            Action.THROTTLE: self._throttle,
            Action.REFRESH_CREDENTIAL: self._refresh,
            Action.FAIL_PAIR: lambda refusal: refusal.trial.reason,
            Action.FAIL_IMAGE: self._fail_image,
            Action.STOP_RUN: self._stop_run,
        }

    def settle(self, refusal: Refusal) -> Reason | None:
        """Return why the pair has failed, or None when it is to be tried again and waits for that.

        Raise StopRun or Unavailable, with the pair left to the next run, when going on is of no use.
        """
        failure, rule = refusal.failure, refusal.failure.rule
        if rule.billed is Billed.NO and refusal.had_permit:
            self._engine.pacer.unbilled()
        if not rule.known and self._engine.progress.add_unknown(rule.code):
            self._engine.warn(f"unknown code, treated as {rule.action}: {failure}")
        if is_outage(failure):
            self._breaker.failed(refusal.ticket, failure)
        else:
            self._breaker.answered(refusal.ticket)
        return self._steps[rule.action](refusal)

    def _retry(self, refusal: Refusal) -> Reason | None:
        trial, failure = refusal.trial, refusal.failure
        if failure.never_sent and self._breaker.room < math.inf:
            self._backlog.put_back(trial)  # costs no attempt: the breaker bounds how often
            return None
        trial.attempts += 1
        if trial.may_try_again(failure.rule, self._engine.limits):
            self._try_later(refusal)
            return None
        if failure.never_sent and self._breaker.agrees():
            raise Unavailable(f"{failure.rule.meaning} {failure.message}") from failure
        return trial.reason

    def _throttle(self, refusal: Refusal) -> Reason | None:
        self._engine.pacer.throttled(refusal.failure.rule.throttle_scope)
        if refusal.trial.tried_seconds >= self._engine.limits.seconds:
            return refusal.trial.reason
        self._try_later(refusal)
        return None

    def _refresh(self, refusal: Refusal) -> Reason | None:
        trial, rule = refusal.trial, refusal.failure.rule
        trial.renewals += 1
        is_renewed = rule.code != _TOKEN_FAILURE or self.credential.renew(refusal.generation)
        if not is_renewed or trial.renewals >= rule.attempts:
            return self._stop_run(refusal)
        self._backlog.put_back(trial)
        return None

    def _fail_image(self, refusal: Refusal) -> Reason | None:
        reason = refusal.trial.reason
        return reason and self._engine.verdicts.failed(refusal.trial.pair, reason)

    def _stop_run(self, refusal: Refusal) -> NoReturn:
        failure = refusal.failure
        raise StopRun(f"{failure.rule.meaning} The vendor said: {failure}") from failure

    def _try_later(self, refusal: Refusal) -> None:
        trial = refusal.trial
        if refusal.failure.rule.billed is Billed.UNKNOWN and (entry := trial.interim()):
            trial.must_be_durable = True
            self._engine.journal.record(entry)
            self._engine.progress.add_calls(entry.calls)
        pause = self._engine.limits.pause(trial.setbacks, self._engine.jitter())
        trial.tried_seconds += pause
        self._backlog.later(trial, seconds=pause)
