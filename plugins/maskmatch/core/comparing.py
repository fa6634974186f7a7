"""The whole story: every pair becomes an outcome, within the rate limit, and none is paid for twice.

    for each pair that the journal does not know yet, on as many threads as there may be calls in flight:
        fetch both images          a missing or unusable one fails the pair, no call is made
        wait for a permit          the broker books a slot on the timeline of the account
        call CompareMaskFace       the code table says what an error means: try again, record, or stop
        write to the journal       and wait until it is durable before the thread takes its next pair

So at any moment the journal lacks at most the pairs that are in flight, and a killed task pays again for
no more than those.
"""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from maskmatch.core.codes import Action, Billed, Rule
from maskmatch.core.engine import Engine, RetryLimits
from maskmatch.core.errors import CallFailed, ImageUnusable, Interrupted, StopRun, Unavailable
from maskmatch.core.images import Picture, fit_one_request
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Source
from maskmatch.core.pairs import Pair


def compare_pairs(pairs: Iterable[tuple[int, Pair]], engine: Engine) -> None:
    """Take every (call order, pair) to an outcome in the journal.

    Raise StopRun when a person must act, Unavailable when a later try may help, Interrupted when
    `engine.stop` was set. What is in the journal by then stays valid. An error sets `engine.stop` too.
    """
    source = _shared(pairs)
    with ThreadPoolExecutor(engine.calls_in_flight, thread_name_prefix="compare") as pool:
        workers = [pool.submit(_work, source, engine) for _ in range(engine.calls_in_flight)]
        try:
            done, _ = wait(workers, return_when=FIRST_EXCEPTION)
            was_stopped = engine.stop.is_set()
            _raise_first(done)
        except BaseException:
            engine.stop.set()  # the others end after the pair they are at
            raise
    if was_stopped:
        raise Interrupted("stopped on request; finished pairs are in the journal")


def _raise_first(workers: Iterable[Future[None]]) -> None:
    """Raise what went wrong in a worker; that it was asked to stop comes last."""
    errors = [error for worker in workers if (error := worker.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error


def _work(source: Iterator[tuple[int, Pair]], engine: Engine) -> None:
    for order, pair in source:
        if engine.stop.is_set():
            return
        outcome = replace(compare_pair(pair, engine), call_order=order)
        engine.journal.record(outcome)
        engine.on_outcome(outcome)


def compare_pair(pair: Pair, engine: Engine) -> Outcome:
    """Take one pair to its outcome; see `compare_pairs` for what is raised."""
    reference = _load(pair.reference_id, Side.REFERENCE, engine)
    if isinstance(reference, Reason):
        return Outcome(pair_id=pair.pair_id, reason=reference, source=Source.PREFLIGHT)
    probe = _load(pair.probe_id, Side.PROBE, engine)
    if isinstance(probe, Reason):
        return Outcome(pair_id=pair.pair_id, reason=probe, source=Source.PREFLIGHT)
    if not fit_one_request(reference, probe):
        return Outcome(pair_id=pair.pair_id, reason=_TOO_LARGE, source=Source.PREFLIGHT)
    return _call_until_settled(pair, reference, probe, engine)


def _call_until_settled(pair: Pair, reference: Picture, probe: Picture, engine: Engine) -> Outcome:
    calls, started = Calls(), engine.clock.now()
    refusals = 0
    while True:
        engine.pacer.wait_for_permit(engine.stop)
        sent_at = engine.clock.now()
        calls = replace(calls, attempts=calls.attempts + 1, called_at=engine.clock.utc())
        try:
            answer = engine.comparer.compare(reference, probe, quality_control=pair.quality_control or 0)
        except CallFailed as failure:
            calls = _charged(calls, failure, 1000 * (engine.clock.now() - sent_at))
            refusals += failure.rule.action is not Action.THROTTLE
            elapsed = engine.clock.now() - started
            if _may_try_again(failure.rule, refusals, elapsed, engine.limits):
                _step_back(failure.rule, refusals, engine)
                continue
            return Outcome(pair_id=pair.pair_id, reason=_final_reason(failure), calls=calls)
        calls = replace(
            calls,
            billed=calls.billed + 1,
            request_id=answer.request_id,
            latency_ms=1000 * (engine.clock.now() - sent_at),
        )
        return Outcome(
            pair_id=pair.pair_id, score=answer.score, model_version=answer.model_version, calls=calls
        )


def _may_try_again(rule: Rule, refusals: int, elapsed: float, limits: RetryLimits) -> bool:
    if rule.action is Action.THROTTLE:
        return elapsed < limits.seconds
    may_retry = rule.action in (Action.RETRY, Action.REFRESH_CREDENTIAL)
    return may_retry and refusals < rule.tries and elapsed < limits.seconds


def _step_back(rule: Rule, refusals: int, engine: Engine) -> None:
    if rule.action is Action.THROTTLE:
        engine.pacer.throttled()
        return
    pause = min(engine.limits.longest_pause, engine.limits.first_pause * 2**refusals)
    engine.clock.wait(engine.stop, pause * engine.jitter())


def _charged(calls: Calls, failure: CallFailed, latency_ms: float) -> Calls:
    return replace(
        calls,
        billed=calls.billed + (failure.rule.billed is Billed.YES),
        maybe_billed=calls.maybe_billed + (failure.rule.billed is Billed.UNKNOWN),
        request_id=failure.request_id,
        latency_ms=latency_ms,
    )


def _final_reason(failure: CallFailed) -> Reason:
    rule = failure.rule
    if rule.action in (Action.STOP_RUN, Action.REFRESH_CREDENTIAL):
        raise StopRun(f"{rule.meaning} The vendor said: {failure}") from failure
    if failure.never_sent:
        raise Unavailable(f"{rule.meaning} {failure.message}") from failure
    return Reason(
        failure_class=rule.failure_class,
        code=rule.failure_code,
        message=f"{rule.meaning} ({failure.message})",
        vendor_code=rule.code,
    )


def _load(image_id: str, side: Side, engine: Engine) -> Picture | Reason:
    try:
        return engine.images.load(image_id)
    except ImageUnusable as error:
        message = f"{side} {image_id}: {error.message}"
        return Reason(failure_class=FailureClass.DATA, code=error.code, message=message, side=side)


_TOO_LARGE = Reason(
    failure_class=FailureClass.DATA,
    code="request_too_large",
    message="both images together exceed one request of 10 MB: use URLs or smaller images",
)


def _shared(pairs: Iterable[tuple[int, Pair]]) -> Iterator[tuple[int, Pair]]:
    """Return an iterator that several threads may draw from."""
    lock, source = threading.Lock(), iter(pairs)

    def draw() -> tuple[int, Pair] | None:
        with lock:
            return next(source, None)

    return iter(draw, None)
