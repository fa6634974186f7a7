"""The whole story: every pair becomes an outcome, within the rate limit, and none is paid for twice.

    a few threads, each until there is no pair left:
        take a pair              fresh ones first, behind them those to be tried again (retries)
        look up its images       one that is known to be bad fails the pair without a call (verdicts)
        fetch both images        a missing or unusable one fails the pair, no call is made (loading)
        prepare the call         signed, with a connection
    one thread for all calls (line):
        wait for a permit        unless the service is down (breaker); the coordinator books a slot (pacing)
        call CompareMaskFace     and take in the answers of all
    the calling thread:
        look at the answer       the code table says what an error means: later, record, or stop (refusals)
        write to the journal     which holds back when too much is not yet durable

So at any moment the journal lacks at most the calls in flight and one group: a killed task pays again for no
more than those.

Decision: docs/adr/0002-a-call-is-in-flight-until-it-is-journaled.md
Decision: docs/adr/0010-one-line-for-all-calls.md
"""

import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Generic

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import BudgetSpent, CallFailed, Interrupted
from maskmatch.core.outcomes import Outcome, Reason, Source
from maskmatch.core.pairs import Pair
from maskmatch.engine.breaker import Breaker, is_outage
from maskmatch.engine.capacity import Capacity, Ended, is_refused
from maskmatch.engine.concurrency import Room
from maskmatch.engine.context import C, Engine
from maskmatch.engine.crew import Crew
from maskmatch.engine.ending import Ending
from maskmatch.engine.line import Line, Ready
from maskmatch.engine.loading import Loading, Pictures
from maskmatch.engine.refusals import Refusal, Refusals
from maskmatch.engine.retries import Backlog, Trial

_TICK_SECONDS = 0.05
_VERDICT_SECONDS = 0.25
_UNREACHED_SECONDS = 0.05
_LONGEST_CALL = 3
"""Times its time limit, which begins anew while a request leaves slowly."""


def compare_pairs(pairs: Iterable[tuple[int, Pair]], engine: Engine[C]) -> None:
    """Take every (call order, pair) to an outcome in the journal.

    Raise StopRun when a person must act, BudgetSpent when no more may be spent, Unavailable when a later try
    may help, Interrupted when `engine.stop` was set. What is in the journal by then stays valid: calls in
    flight are finished first, and those that hang are entered as unknown.
    """
    engine = replace(engine, stop=Ending(engine.stop))
    run = _Run(engine, Backlog(pairs, clock=engine.clock, limits=engine.limits))
    try:
        run.go()
    finally:
        engine.stop.set()  # wakes those who wait for a permit
        is_complete = run.leave()
    if run.error and not (is_complete and isinstance(run.error, BudgetSpent)):
        raise run.error
    if not is_complete:
        raise Interrupted("stopped on request; finished pairs are in the journal")


class _Run(Generic[C]):
    def __init__(self, engine: Engine[C], backlog: Backlog) -> None:
        self._engine = engine
        self._now = engine.clock.now
        self._backlog = backlog
        self._capacity = Capacity(
            calls_per_second=engine.calls_per_second,
            time_limit=engine.call_timeout,
            most=engine.calls_in_flight or engine.concurrency.most,
            now=engine.clock.now,
        )
        self._breaker = Breaker(
            engine.breaker, clock=engine.clock, say=engine.warn, on_back=self._capacity.restart
        )
        self._loading = Loading(engine.images)
        self._refusals = Refusals(engine, backlog, self._breaker)
        self._room = Room(
            engine.concurrency, calls_per_second=engine.calls_per_second, calls=engine.calls_in_flight
        )
        self._line = Line(
            engine,
            self._breaker,
            self._room,
            self._capacity,
            put_back=backlog.put_back,
            on_error=engine.stop.set,
        )
        self._loaders = Crew(self._load, on_error=engine.stop.set)
        self._error: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        """Return the first error that ended the run."""
        return self._error or self._loaders.error or self._line.error

    def go(self) -> None:
        """Do all there is to do, until there is nothing left or the run is to end."""
        stop = self._engine.stop
        self._line.start()
        while not stop.is_set() and (self._is_at_work() or self._backlog.has_more()):
            self._grow()
            self._capacity.share(self._engine.pacer.processes)
            self._engine.progress.calls_in_flight = self._line.under_way
            self._engine.progress.tick()
            if self._line.has_calls or (self._is_at_work() and self._breaker.room >= 1):
                self._finish_some(_TICK_SECONDS)
            else:
                self._engine.clock.wait(stop, _TICK_SECONDS)

    def leave(self) -> bool:
        """Wait for the calls in flight, keep what unfinished pairs have cost; return True if all are done."""
        engine = self._engine
        self._line.close()
        self._drain(_LONGEST_CALL * engine.call_timeout if self.error else engine.drain_seconds)
        out = self._line.leave()
        self._finish_some(0)
        for each in out:
            lost = CallFailed(rule_for("ClientNetworkError"), "the run ended before the answer came")
            each.trial.refused(lost, seconds=engine.drain_seconds, called_at=each.called_at)
        is_complete = not (out or self._loaders.size or self._backlog.has_more())
        # An error of the journal must not hide the first one, which may be the same.
        with suppress(Exception) if self.error else nullcontext():
            self._keep([*(each.trial for each in out), *self._backlog.unfinished()])
        return is_complete

    def _is_at_work(self) -> bool:
        return bool(self._loaders.size or self._line.is_busy)

    def _drain(self, seconds: float) -> None:
        """Finish what ends within so many seconds."""
        give_up_at = time.monotonic() + seconds
        while (left := give_up_at - time.monotonic()) > 0 and (self._line.has_calls or self._loaders.size):
            if self._line.has_calls:
                self._finish_some(min(left, _TICK_SECONDS))
            else:
                self._loaders.join(min(left, _TICK_SECONDS))

    def _grow(self) -> None:
        """Start another thread that loads when the line lacks calls and it is loading that takes long."""
        size, most = self._loaders.size, self._engine.concurrency.loaders
        wanted = min(max(1, 2 * size if self._line.is_starved else size), most)
        self._loaders.grow_to(int(min(wanted, self._breaker.room, size + self._backlog.ready)))

    def _load(self) -> None:
        """Prepare calls until there is nothing to prepare now."""
        while self._may_load() and self._line.place():
            trial = ready = None
            since = time.monotonic()
            try:
                if trial := self._backlog.take():
                    ready = self._prepared(trial)
            except BaseException:
                if trial:
                    self._backlog.put_back(trial)
                raise
            finally:
                self._line.put(ready)
            if trial is None:
                return
            self._room.note_time(time.monotonic() - since)

    def _may_load(self) -> bool:
        return not self._engine.stop.is_set() and self._breaker.room >= 1

    def _prepared(self, trial: Trial) -> Ready[C] | None:
        """Return a call for a pair; None when the pair has come to its end, or is to be tried later."""
        pair, verdicts = trial.pair, self._engine.verdicts
        if reason := verdicts.on(pair):
            self._finish(trial.ended(reason=reason, source=Source.VERDICT))
        elif verdicts.are_pending(pair):
            self._backlog.later(trial, seconds=_VERDICT_SECONDS)
        elif pictures := self._pictures(trial):
            if trial.must_be_durable:
                self._engine.journal.flush()
                trial.must_be_durable = False
            return self._call(trial, pictures)
        return None

    def _pictures(self, trial: Trial) -> Pictures | None:
        """Return the images of a pair; None when it has failed without them, or is to be tried later."""
        pictures = self._loading.both(trial)
        if pictures is None:
            self._backlog.later(trial, seconds=self._engine.limits.longest_pause)
            return None
        if isinstance(pictures, Reason):
            self._finish(trial.ended(reason=pictures, source=Source.PREFLIGHT))
            return None
        self._room.note(image_bytes=sum(len(picture.data or b"") for picture in pictures))
        return pictures

    def _call(self, trial: Trial, pictures: Pictures) -> Ready[C] | None:
        """Return the call; None when the service cannot be reached, which is settled after a moment."""
        generation, since = self._refusals.credential.generation, self._now()
        try:
            call = self._engine.comparer.prepare(*pictures, quality_control=trial.pair.quality_control or 0)
        except CallFailed as failure:
            trial.refused(failure, seconds=self._now() - since, called_at=self._engine.clock.utc())
            self._engine.clock.wait(self._engine.stop, _UNREACHED_SECONDS)
            if (ticket := self._breaker.admit()) is None:
                self._backlog.put_back(trial)
            else:
                self._settle_refusal(Refusal(trial, failure, ticket, generation, had_permit=False))
            return None
        return Ready(trial, call, generation)

    def _finish_some(self, seconds: float) -> None:
        """Finish the calls that have ended; wait so many seconds for a few."""
        taken = self._line.take(seconds)
        while taken:
            ready = taken.popleft()
            try:
                self._settle(ready)
            except BaseException as error:  # noqa: BLE001  raised when the run is left
                self._backlog.put_back(ready.trial)
                self._error = self._error or error
                self._engine.stop.set()
            finally:
                self._engine.verdicts.end(ready.trial.pair)

    def _settle(self, ready: Ready[C]) -> None:
        trial, seconds = ready.trial, ready.call.seconds
        try:
            answer = self._engine.comparer.answer(ready.call)
        except CallFailed as failure:
            self._learn(ready, failure)
            trial.refused(failure, seconds=seconds, called_at=ready.called_at)
            self._settle_refusal(Refusal(trial, failure, ready.ticket, ready.generation))
            return
        self._learn(ready)
        trial.scored(answer.request_id, seconds=seconds, called_at=ready.called_at)
        self._breaker.answered(ready.ticket)
        self._engine.verdicts.scored(trial.pair)
        self._finish(trial.ended(score=answer.score, model_version=answer.model_version))

    def _learn(self, ready: Ready[C], failure: CallFailed | None = None) -> None:
        """Let the capacity learn from a call; one that broke before its time says nothing of speed."""
        ended = Ended(
            ready.call.seconds,
            in_flight=ready.in_flight_at_end,
            at_start=ready.in_flight_at_start,
            is_needed=self._line.has_ready,
        )
        if failure and is_refused(failure):
            self._capacity.refused(ended)
        elif not (failure and is_outage(failure)) or ended.seconds >= self._engine.call_timeout:
            self._capacity.answered(ended)

    def _settle_refusal(self, refusal: Refusal) -> None:
        if reason := self._refusals.settle(refusal):
            self._finish(refusal.trial.ended(reason=reason))

    def _keep(self, trials: Iterable[Trial]) -> None:
        errors: list[Exception] = []
        for entry in filter(None, (trial.interim() for trial in trials)):
            self._engine.progress.add_calls(entry.calls)
            try:
                self._engine.journal.record(entry)
            except Exception as error:  # noqa: BLE001  it keeps the entry all the same, and the next ones
                errors.append(error)
        if errors:
            raise errors[0]

    def _finish(self, outcome: Outcome) -> None:
        self._engine.journal.record(outcome)
        self._engine.progress.add(outcome)
