"""The whole story: every pair becomes an outcome, within the rate limit, and none is paid for twice.

    as many threads as the rate needs (crew, concurrency), each until there is no pair left:
        take a pair              fresh ones first, behind them those to be tried again (retries)
        look up its images       one that is known to be bad fails the pair without a call (verdicts)
        fetch both images        a missing or unusable one fails the pair, no call is made (loading)
        wait for a permit        unless the service is down (breaker); the broker books a slot (pacing)
        call CompareMaskFace     the code table says what an error means: later, record, or stop (refusals)
        write to the journal     which holds back when too much is not yet durable

So at any moment the journal lacks at most the calls under way and one group: a killed task pays again for no
more than those.
"""

import threading
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace

from maskmatch.core.breaker import Breaker
from maskmatch.core.codes import rule_for
from maskmatch.core.concurrency import Gauge, Spell, threads_affordable, threads_wanted
from maskmatch.core.crew import Crew
from maskmatch.core.engine import Answer, Engine
from maskmatch.core.errors import CallFailed, Interrupted, SlotMissed
from maskmatch.core.images import Picture
from maskmatch.core.loading import Loading
from maskmatch.core.outcomes import Outcome, Reason, Source
from maskmatch.core.pairs import Pair
from maskmatch.core.refusals import Refusal, Refusals
from maskmatch.core.retries import Backlog, Trial
from maskmatch.core.under_way import LeftBehind, UnderWay

_TICK_SECONDS = 0.05
_PERMIT_SECONDS = 0.25
"""A permit is good for so long: whoever is stopped and goes on much later has to ask again."""
_VERDICT_SECONDS = 0.25
_LONGEST_CALL_SECONDS = 30.0


def compare_pairs(pairs: Iterable[tuple[int, Pair]], engine: Engine) -> None:
    """Take every (call order, pair) to an outcome in the journal.

    Raise StopRun when a person must act, BudgetSpent when no more may be spent, Unavailable when a later try
    may help, Interrupted when `engine.stop` was set. What is in the journal by then stays valid: calls under
    way are finished first, and those that hang are entered as unknown.
    """
    engine = replace(engine, stop=_Ending(engine.stop))
    backlog = Backlog(pairs, clock=engine.clock, limits=engine.limits)
    run = _Run(engine, backlog)
    try:
        while not engine.stop.is_set() and (run.crew.size or backlog.has_more()):
            run.supervise()
    finally:
        engine.stop.set()  # wakes those who wait for a permit
        is_complete = run.leave()
    if run.crew.error:
        raise run.crew.error
    if not is_complete:
        raise Interrupted("stopped on request; finished pairs are in the journal")


class _Run:
    def __init__(self, engine: Engine, backlog: Backlog) -> None:
        self._engine = engine
        self._backlog = backlog
        self._breaker = Breaker(engine.breaker, clock=engine.clock, say=engine.warn)
        self._loading = Loading(engine.images)
        self._refusals = Refusals(engine, backlog, self._breaker)
        self._gauge = Gauge(engine.clock, engine.concurrency)
        self._under_way = UnderWay()
        self._most_threads = engine.calls_in_flight or engine.concurrency.most
        self.crew = Crew(self._work, on_error=engine.stop.set)

    def supervise(self) -> None:
        """Start the threads that are needed, tell how far we are, and wait a moment."""
        engine, size = self._engine, self.crew.size
        wanted = engine.calls_in_flight
        if wanted is None:
            seen = self._gauge.seen(size)
            wanted = threads_wanted(seen, calls_per_second=engine.calls_per_second, limits=engine.concurrency)
            self._most_threads = threads_affordable(seen, engine.concurrency)
        self.crew.grow_to(int(min(wanted, self._breaker.room, size + self._backlog.ready)))
        engine.progress.threads = self.crew.size
        engine.progress.tick()
        if self.crew.size:
            self.crew.wait(_TICK_SECONDS)
        else:
            engine.clock.wait(engine.stop, _TICK_SECONDS)

    def leave(self) -> bool:
        """Wait for the calls under way, keep what unfinished pairs have cost; say whether there are none."""
        self.crew.join(_LONGEST_CALL_SECONDS if self.crew.error else self._engine.drain_seconds)
        hung = self._under_way.leave()
        is_complete = not (hung or self.crew.size or self._backlog.has_more())
        for trial in hung:
            lost = CallFailed(rule_for("ClientNetworkError"), "the run ended before the answer came")
            trial.refused(lost, seconds=self._engine.drain_seconds, called_at=self._engine.clock.utc())
        # An error of the journal must not hide the first one, which may be the same.
        with suppress(Exception) if self.crew.error else nullcontext():
            self._keep([*hung, *self._backlog.unfinished()])
        return is_complete

    def _keep(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            if entry := trial.interim():
                self._engine.journal.record(entry)
                self._engine.progress.add_calls(entry.calls)

    def _work(self) -> None:
        """Compare pairs until there is none now, or one thread too many at it."""
        while self._may_go_on() and (trial := self._backlog.take()):
            try:
                with self._gauge.spell() as spell:
                    self._compare(trial, spell)
            except LeftBehind:
                return
            except BaseException as error:
                self._backlog.put_back(trial)
                if type(error) is Interrupted and self._engine.stop.is_set():
                    return
                raise

    def _may_go_on(self) -> bool:
        is_spare = self.crew.size > self._most_threads
        return not (self._engine.stop.is_set() or is_spare or self._breaker.room < 1)

    def _compare(self, trial: Trial, spell: Spell) -> None:
        pair, verdicts = trial.pair, self._engine.verdicts
        if reason := verdicts.on(pair):
            return self._finish(trial.ended(reason=reason, source=Source.VERDICT))
        if verdicts.are_pending(pair):
            return self._backlog.later(trial, seconds=_VERDICT_SECONDS)
        pictures = self._loading.both(trial)
        if pictures is None:
            return self._backlog.later(trial, seconds=self._engine.limits.longest_pause)
        if isinstance(pictures, Reason):
            return self._finish(trial.ended(reason=pictures, source=Source.PREFLIGHT))
        spell.image_bytes = sum(len(picture.data or b"") for picture in pictures)
        with verdicts.under_way(pair):
            ticket = self._permit(spell)
            if ticket is None:
                return self._backlog.put_back(trial)
            try:
                self._call(trial, pictures, ticket)
            except SlotMissed:  # this process was stopped for a while: it may have been replaced meanwhile
                self._engine.pacer.unbilled()
                self._breaker.abandoned(ticket)
                self._backlog.put_back(trial)

    def _permit(self, spell: Spell) -> int | None:
        """Wait until one call may be sent; return the breaker's ticket, or None while it admits none."""
        if (ticket := self._breaker.admit()) is None:
            return None
        with spell.waiting():
            self._engine.pacer.wait_for_permit(self._engine.stop)
        if self._breaker.admits(ticket) and not self._engine.stop.is_set():
            return ticket
        self._engine.pacer.unbilled()
        return None

    def _call(self, trial: Trial, pictures: tuple[Picture, Picture], ticket: int) -> None:
        generation = self._refusals.credential.generation
        sent_at, called_at = self._engine.clock.now(), self._engine.clock.utc()
        answer = self._send(trial, pictures)
        seconds = self._engine.clock.now() - sent_at
        if isinstance(answer, CallFailed):
            trial.refused(answer, seconds=seconds, called_at=called_at)
            refusal = Refusal(trial=trial, failure=answer, ticket=ticket, generation=generation)
            if reason := self._refusals.settle(refusal):
                self._finish(trial.ended(reason=reason))
            return
        trial.scored(answer.request_id, seconds=seconds, called_at=called_at)
        self._breaker.answered(ticket)
        self._engine.verdicts.scored(trial.pair)
        self._finish(trial.ended(score=answer.score, model_version=answer.model_version))

    def _send(self, trial: Trial, pictures: tuple[Picture, Picture]) -> Answer | CallFailed:
        self._under_way.begin(trial)
        try:
            return self._engine.comparer.compare(
                *pictures,
                quality_control=trial.pair.quality_control or 0,
                send_by=self._engine.clock.now() + _PERMIT_SECONDS,
            )
        except CallFailed as failure:
            return failure
        finally:
            self._under_way.end(trial)

    def _finish(self, outcome: Outcome) -> None:
        self._engine.journal.record(outcome)
        self._engine.progress.add(outcome)


class _Ending(threading.Event):
    """Set when the run ends by itself; it also counts as set when the run was asked to end."""

    def __init__(self, asked: threading.Event) -> None:
        super().__init__()
        self._asked = asked

    def is_set(self) -> bool:
        """Say whether no further pair is to be taken."""
        return super().is_set() or self._asked.is_set()
