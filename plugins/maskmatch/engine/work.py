"""Which pair is next: fresh ones first, and behind them those that are to be tried again.

    put back ──> fresh pairs ──> tries that are due          a try overdue by 30 s goes before all others

A pair to be tried again keeps no thread and no image: it waits here until its time has come.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from maskmatch.core.clock import Clock
from maskmatch.core.codes import Billed, Rule
from maskmatch.core.errors import CallFailed
from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.outcomes import Calls, Images, Outcome, Reason, Source
from maskmatch.core.pairs import Pair

_NO_CALLS, _NO_IMAGES = Calls(), Images()


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long one pair is tried: the code table bounds the calls, this bounds time (seconds) and pauses.

    `seconds` counts calls and pauses, not the time a pair waits behind fresh ones; with five minutes a pair
    outlives a vendor's restart. Pauses begin at what a call takes and end where eight of them are a minute. A
    try is overdue after several of the longest; so many may wait that a bad hour at 3/s needs no more.
    """

    seconds: float = 300.0
    first_pause: float = 0.25
    longest_pause: float = 8.0
    overdue_seconds: float = 30.0
    most_waiting: int = 10_000

    def pause(self, setbacks: int, jitter: float) -> float:
        """Return the seconds until the next try: exponential with full jitter."""
        return min(self.longest_pause, self.first_pause * 2.0 ** min(setbacks, 60)) * jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How a call went: when its first byte left, seconds to its end, bytes that left, who answered if any."""

    called_at: datetime
    seconds: float
    bytes_sent: int = 0
    answered_by: str | None = None


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What came of a pair with the same images; which of these was at fault, and its reference, by content.

    `reference` is None for an answer of an earlier run.
    """

    outcome: Outcome
    failed_content: str | None = None
    reference: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class WorkItem:
    """A pair on its way to an outcome.

    `calls` holds the call that is not yet in the journal, if any; what is there has to be durable before the
    next call if it `must_be_durable`; `sent` counts the calls; `images` are those of the last, which the pair
    is `known_as`; its `comparison` is None where that is as `planned`; it is `called_as` one while others may
    wait for its answer; `reason` tells why it came to nothing; `attempts`, `renewals` (of signature or
    credential), `tried_seconds` and `unread` (tries to read its images) are used up of its limits; in
    `unfetched` of the attempts the vendor could not fetch an image that we can look at. One that `is_spent`
    has no attempt left, and waits for that look; one that `is_done` has its outcome in the journal.
    """

    order: int
    pair: Pair
    calls: Calls = _NO_CALLS
    images: Images = _NO_IMAGES
    planned: ImagePair = field(init=False)
    known_as: ImagePair = field(init=False)
    comparison: bytes | None = None
    called_as: bytes | None = None
    sent: int = 0
    attempts: int = 0
    renewals: int = 0
    setbacks: int = 0
    tried_seconds: float = 0.0
    unread: int = 0
    unfetched: int = 0
    is_spent: bool = False
    must_be_durable: bool = False
    is_done: bool = False
    reason: Reason | None = None

    def __post_init__(self) -> None:
        """Begin with what the plan knew of the images."""
        self.planned = self.known_as = ImagePair.planned(self.pair)

    def may_try_again(self, rule: Rule, limits: RetryLimits) -> bool:
        """Return True if the code table and the limits allow another call."""
        return self.attempts < rule.attempts and self.tried_seconds < limits.seconds

    def give_back_unfetched(self) -> None:
        """Take back the attempts in which an image could not be fetched: its store is in trouble."""
        self.attempts -= self.unfetched
        self.unfetched, self.is_spent = 0, False

    def scored(self, request_id: str | None, sent: Sent) -> None:
        """Keep a call that brought a score."""
        self._keep(Billed.YES, request_id, sent)

    def refused(self, failure: CallFailed, sent: Sent) -> None:
        """Keep a call that brought none; what never left us is no call."""
        rule = failure.rule
        self.setbacks += 1
        self.tried_seconds += sent.seconds
        self.reason = Reason(
            failure_class=rule.failure_class,
            code=rule.failure_code,
            message=f"{rule.meaning} ({failure.message})",
            vendor_code=rule.code,
        )
        if not failure.never_sent:
            self._keep(rule.billed, failure.request_id, sent)

    def ended(
        self,
        *,
        score: float | None = None,
        model_version: str | None = None,
        reason: Reason | None = None,
        source: Source = Source.API,
    ) -> Outcome:
        """Return the outcome; it takes the call with it, so that none is written twice."""
        calls, self.calls = self.calls, _NO_CALLS
        return Outcome(
            pair_id=self.pair.pair_id,
            score=score,
            model_version=model_version,
            reason=reason,
            source=source,
            calls=calls,
            call_order=self.order,
            manifest_row=self.pair.manifest_row,
            quality_control=self.pair.quality_control or 0,
            images=self.images,
        )

    def taking_over(self, answer: KnownAnswer) -> Outcome:
        """Return the outcome that is the answer to another pair with the same images."""
        is_swapped = answer.reference != self.known_as.reference
        of_this_run = Source.SWAPPED if is_swapped else Source.DEDUP
        theirs, mine = answer.outcome, self.ended(source=of_this_run if answer.reference else Source.REUSED)
        reason = theirs.reason and replace(theirs.reason, side=self.known_as.side(answer.failed_content))
        return replace(
            mine,
            score=theirs.score,
            model_version=theirs.model_version,
            reason=reason,
            calls=mine.calls if mine.calls.attempts else theirs.calls.taken_over,
            canonical_pair_id=theirs.canonical_pair_id or theirs.pair_id,
        )

    def interim(self) -> Outcome | None:
        """Return an entry that is not final for the call that is not in the journal, if any; it takes it."""
        if self.reason is None or not self.calls.attempts:
            return None
        return self.ended(reason=self.reason)

    def _keep(self, billed: Billed, request_id: str | None, sent: Sent) -> None:
        self.sent += 1
        is_answered = sent.answered_by is not None
        self.calls = Calls(
            attempts=1,
            billed=int(billed is Billed.YES),
            maybe_billed=int(billed is Billed.UNKNOWN),
            attempt=self.sent,
            called_at=sent.called_at,
            answered_at=sent.called_at + timedelta(seconds=sent.seconds) if is_answered else None,
            latency_ms=1000 * sent.seconds,
            bytes_sent=sent.bytes_sent,
            request_id=request_id,
            answered_by=sent.answered_by,
        )


class WorkQueue:
    """The pairs that have no outcome yet; None among the fresh ones: the next is not there yet."""

    def __init__(
        self, pairs: Iterable[tuple[int, Pair] | None], *, clock: Clock, limits: RetryLimits
    ) -> None:
        self._fresh = iter(pairs)
        self._has_fresh = True
        self._put_back: deque[WorkItem] = deque()
        self._later: list[tuple[float, int, WorkItem]] = []
        self._count = itertools.count()
        self._clock = clock
        self._limits = limits

    def take(self) -> WorkItem | None:
        """Return the pair that is next; None when there is none now."""
        if self._is_due(self._limits.overdue_seconds) or len(self._later) >= self._limits.most_waiting:
            return heapq.heappop(self._later)[2]
        if self._put_back:
            return self._put_back.popleft()
        if fresh := self._draw():
            return fresh
        return heapq.heappop(self._later)[2] if self._is_due(0) else None

    def put_back(self, item: WorkItem) -> None:
        """Give back a pair that is to be taken before all fresh ones."""
        self._put_back.append(item)

    def later(self, item: WorkItem, *, seconds: float) -> None:
        """Give back a pair that is to be tried again in so many seconds, behind the fresh ones."""
        heapq.heappush(self._later, (self._clock.now() + seconds, next(self._count), item))

    def has_more(self) -> bool:
        """Return True if there are pairs left, now or later; it may draw one ahead to know."""
        if not (self._put_back or self._later) and (fresh := self._draw()):
            self._put_back.append(fresh)
        return bool(self._put_back or self._later or self._has_fresh)

    def unfinished(self) -> list[WorkItem]:
        """Take out the pairs that were tried and have no outcome."""
        items = [*self._put_back, *(item for _, _, item in self._later)]
        self._put_back.clear()
        self._later.clear()
        return items

    def _draw(self) -> WorkItem | None:
        try:
            drawn = next(self._fresh) if self._has_fresh else None
        except StopIteration:
            self._has_fresh, drawn = False, None
        return WorkItem(order=drawn[0], pair=drawn[1]) if drawn else None

    def _is_due(self, overdue_seconds: float) -> bool:
        return bool(self._later) and self._later[0][0] + overdue_seconds <= self._clock.now()
