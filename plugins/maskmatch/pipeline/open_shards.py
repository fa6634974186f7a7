"""Several shards as one: their pairs one after the other, each outcome into the journal of its shard.

    to come ──while the one before is compared──> open ──when all pairs are done──> ended
                └ its lease is held from here on    └ some have pairs that wait to be tried again

So no moment of the rate is lost between two shards. Pairs are read ahead by a thread, a block at a time, so
that memory holds few of them.

The thread of the event loop owns all state. Those that wait for a journal see `_open`, a tuple that is
replaced as a whole; those that open and end shards see one shard each.

Decision: docs/adr/0015-shards-of-one-process-are-compared-as-one.md
Decision: docs/adr/0021-answers-are-taken-over.md
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Protocol, Self

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Shard
from maskmatch.core.workers import Workers
from maskmatch.engine.context import Journal

_BLOCK = 1000
"""Pairs that are read ahead: half a second at 2,000 calls a second."""
_LOOK_SECONDS = 0.05
"""How often one that waits for a shard looks whether it is to stop."""


class OpenJournal(Journal, AbstractContextManager["OpenJournal"], Protocol):
    """The journal of one shard, which ends when all is durable."""

    @property
    def pending(self) -> int:
        """Return how many outcomes are not yet durable."""
        ...


@dataclass(slots=True, eq=False, kw_only=True)
class OpenShard:
    """A shard whose lease was taken: the pairs that its journal lacks, in call order, `left` of them.

    `versions` are those of the face model that gave the scores in its journal.
    """

    shard: Shard
    epoch: int
    journal: OpenJournal
    missing: Iterator[tuple[int, Pair]]
    left: int
    """Pairs that have no outcome of this try."""
    known: Mapping[str, int] = field(default_factory=dict)
    """Pairs that ended in earlier tries: scored, or by failure code."""
    versions: frozenset[str] = frozenset()
    ahead: list[tuple[int, Pair]] = field(default_factory=list)
    """The pairs that come next."""
    is_closed: bool = False

    def read_ahead(self) -> None:
        """Read the next pairs, none at the end; in a thread, while nobody looks at those ahead."""
        self.ahead = list(islice(self.missing, _BLOCK))


class OpenShards:
    """Yields the pairs of shards and is the journal of all of them; use as a context manager.

    `open_shard` and `tidy_up`, which follows when all pairs of a shard are done, are called in threads of
    their own; `on_leave` lets the former end early; `on_open` is called on the loop when the first pair of a
    shard is due.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        *,
        open_shard: Callable[[Shard], OpenShard],
        on_leave: Callable[[], None],
        tidy_up: Callable[[OpenShard], None],
        on_open: Callable[[OpenShard], None],
        most_pending: int,
        stop: threading.Event,
    ) -> None:
        self._coming = deque(shards)
        self._open_shard, self._tidy_up = open_shard, tidy_up
        self._on_open, self._on_leave = on_open, on_leave
        self._most_pending = most_pending
        self._stop = stop
        self._workers = Workers("compare-shards", most=len(shards) + 2)
        self._opening: Future[OpenShard] | None = None
        self._ending: dict[OpenShard, Future[None]] = {}
        self._open: tuple[OpenShard, ...] = ()
        self._shard_of: dict[str, OpenShard] = {}  # by the id of each pair that is being compared

    def pairs(self) -> Iterator[tuple[int, Pair] | None]:
        """Yield what the journals lack; None while more is being read. Raise what that raises."""
        while self._opening:
            while self._stop.is_set() or not self._opening.done():
                yield None
            shard = self._opening.result()
            self._open_next()
            yield from self._pairs_of(shard)

    def done(self, pair: Pair) -> None:
        """Note that a pair has its outcome in the journal; the last one ends its shard."""
        shard = self._shard_of.pop(pair.pair_id)
        shard.left -= 1
        if not shard.left:
            self._end(shard, self._close_and_tidy_up)

    @property
    def is_full(self) -> bool:
        """Return True if a whole group, of all shards together, is not yet durable."""
        return sum(shard.journal.pending for shard in self._open) > self._most_pending

    def enter(self, outcome: Outcome) -> None:
        """Keep an outcome of a pair that is not done."""
        self._shard_of[outcome.pair_id].journal.enter(outcome)

    def wait_for_room(self) -> None:
        """Return when it is not full any more."""
        *earlier, newest = self._open
        newest.journal.wait_for_room()
        for shard in earlier:
            if self.is_full:
                shard.journal.flush()

    def flush(self) -> None:
        """Return when all that was entered is durable."""
        for shard in self._open:
            shard.journal.flush()

    def __enter__(self) -> Self:
        self._open_next()
        while self._opening and not (self._opening.done() or self._stop.is_set()):
            wait([self._opening], _LOOK_SECONDS)  # there is nothing else to do
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all shards; raise, whatever else was raised, when some outcome stays unwritten."""
        self._leave_opening()
        for shard in self._open:
            if shard not in self._ending:
                self._end(shard, self._close if error else self._close_and_tidy_up)
        while self._may_wait():
            wait(self._ending.values(), _LOOK_SECONDS)
        self._workers.shutdown()
        for ended in self._ending.values():
            if ended.done() and (trouble := ended.exception()):
                raise trouble from error

    def _open_next(self) -> None:
        self._opening = None
        if self._coming:
            self._opening = self._workers.submit(self._opened, self._coming.popleft())

    def _opened(self, coming: Shard) -> OpenShard:
        shard = self._open_shard(coming)
        try:
            shard.read_ahead()
        except BaseException:
            shard.journal.__exit__(None, None, None)
            raise
        return shard

    def _pairs_of(self, shard: OpenShard) -> Iterator[tuple[int, Pair] | None]:
        self._open = (*self._still_open(), shard)
        self._on_open(shard)
        if not shard.left:
            return self._end(shard, self._close_and_tidy_up)
        to_come = shard.left
        while pairs := shard.ahead:
            reading, to_come = self._workers.submit(shard.read_ahead), to_come - len(pairs)
            for order, pair in pairs:
                self._shard_of[pair.pair_id] = shard
                yield order, pair
            while not reading.done():
                yield None
            reading.result()
        if to_come:
            raise BooksError(f"the journal of {shard.shard.key} and its pairs disagree: plan with recompare")

    def _still_open(self) -> list[OpenShard]:
        """Return the shards that have not ended; raise what one of the others could not make durable."""
        ended = [shard for shard, ending in self._ending.items() if ending.done()]
        for shard in ended:
            self._ending.pop(shard).result()
        return [shard for shard in self._open if shard not in ended]

    def _end(self, shard: OpenShard, end: Callable[[OpenShard], None]) -> None:
        self._ending[shard] = self._workers.submit(end, shard)

    def _close(self, shard: OpenShard) -> None:
        try:
            shard.journal.__exit__(None, None, None)
        finally:
            shard.is_closed = True

    def _close_and_tidy_up(self, shard: OpenShard) -> None:
        self._close(shard)
        self._tidy_up(shard)

    def _may_wait(self) -> bool:
        """Return True while a shard ends: for its journal in any case, for the rest unless in a hurry."""
        if self._stop.is_set():
            return not all(shard.is_closed for shard in self._ending)
        return not all(ended.done() for ended in self._ending.values())

    def _leave_opening(self) -> None:
        """Let the shard that is being opened end; who is in a hurry does not wait for it."""
        if not (opening := self._opening):
            return
        self._opening = None
        self._on_leave()
        while not (opening.done() or self._stop.is_set()):
            wait([opening], _LOOK_SECONDS)
        opening.add_done_callback(_close_unused)


def _close_unused(opening: Future[OpenShard]) -> None:
    """Close the journal of a shard of which no pair was taken."""
    if not opening.cancelled() and not opening.exception():
        with suppress(Exception):  # it holds nothing
            opening.result().journal.__exit__(None, None, None)
