"""Appending to a journal: a thread of its own puts groups of outcomes into the store.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
Decision: docs/adr/0014-the-journal-says-every-call.md
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from maskmatch.core.errors import MaskmatchError, Replaced, StopRun, Unavailable
from maskmatch.core.outage import PATIENCE_SECONDS, Outage
from maskmatch.core.outcomes import Outcome
from maskmatch.core.waits import Waits
from maskmatch.storage.journal.known import Known
from maskmatch.storage.journal.records import Origin, to_lines
from maskmatch.storage.journal.segments import Segments
from maskmatch.storage.journal.tally import Counts, Tally
from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)

COMMIT_SECONDS = 0.5
"""An outcome waits at most so long for others to share its object with."""
STOPPING_SECONDS = 4.0
"""So long a task that was asked to stop waits for a store that is away."""
_LOOK_SECONDS = 0.25
"""How often one that waits looks whether the writer has given up."""
_OTHERS_SECONDS = 1.0
"""Between two looks for another try: permits end with the lease, this is for one that asks another store."""


class ShardJournal:
    """Appends to the journal of one shard; use as a context manager, which ends when all is durable.

    At most `most_pending` outcomes, and those entered while others wait for room, are not yet durable.
    While the store is away recording waits, so that nothing more is paid for, at most `patience_seconds`.
    """

    def __init__(  # noqa: PLR0913  # each is the business of its owner
        self,
        store: Store,
        prefix: str,
        *,
        origin: Origin,
        epoch: int,
        only_new: bool,
        most_pending: int = 64,
        patience_seconds: float = PATIENCE_SECONDS,
        stop: threading.Event | None = None,
        waits: Waits | None = None,
    ) -> None:
        """Claim the epoch; raise Replaced when another run has it or a later one."""
        self._place = f"{store.uri}/{prefix}"
        self._origin = origin
        self._epoch = epoch
        self._tally = Tally()
        self._most_pending = most_pending
        self._patience = patience_seconds
        self._stop = stop or threading.Event()
        self._segments = Segments(store, prefix, epoch=epoch, run_id=origin.run_id, only_new=only_new)
        self._segments.claim()
        self._pending: list[Outcome] = []
        self._durable = self._awaited = 0
        self._trying_since: float | None = None
        self._trouble: Exception | None = None
        self._outage = Outage(
            now=time.monotonic, say=log.warning, waits=waits, what=f"the store {store.host}"
        )
        self._replaced: Replaced | None = None
        self._commit_at = 0.0
        self._look_at = 0.0
        self._lock = threading.Lock()
        self._work, self._progress = threading.Condition(self._lock), threading.Condition(self._lock)
        self._closing = threading.Event()
        self._is_open = True
        self._thread = threading.Thread(target=self._write_until_closed, name="journal", daemon=True)

    def count_from(self, known: Known) -> None:
        """Count what earlier tries have brought; before anything is recorded."""
        self._tally = Tally(known.counts, known.again)

    @property
    def pending(self) -> int:
        """Return how many outcomes are not yet durable."""
        return len(self._pending)

    @property
    def is_full(self) -> bool:
        """Return True if a whole group is not yet durable."""
        return len(self._pending) > self._most_pending

    def enter(self, outcome: Outcome) -> None:
        """Keep an outcome, at once; raise Unavailable once it is closed, Replaced when taken over.

        It is kept all the same, and written if that is possible before the journal is closed.
        """
        with self._lock:
            self._keep(outcome)
            if self._replaced:
                raise self._replaced

    def wait_for_room(self) -> None:
        """Return when it is not full any more.

        Raise Unavailable or StopRun when the store stays away, Replaced when another try has taken over.
        """
        with self._lock:
            self._await(lambda: not self.is_full)

    def flush(self) -> None:
        """Return when all that was entered so far is durable; raise as `wait_for_room` does."""
        with self._lock:
            mine = self._awaited = self._durable + len(self._pending)
            self._work.notify()
            self._await(lambda: self._durable >= mine)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is pending; raise, whatever else was raised, when some of it stays unwritten."""
        started = time.monotonic()
        with self._lock:
            self._closing.set()
            self._work.notify()
        while self._thread.is_alive() and not self._may_leave(started):
            self._thread.join(_LOOK_SECONDS)
        with self._lock:
            self._is_open = False
            if self._pending:
                raise self._failure() from error

    def _may_leave(self, closing_since: float) -> bool:
        """Return True if a writer that still tries has had its last chance."""
        return self._has_given_up() and time.monotonic() - closing_since > STOPPING_SECONDS

    def _keep(self, outcome: Outcome) -> None:
        if not self._is_open:
            raise Unavailable(f"the journal {self._place} is closed")
        self._pending.append(outcome)
        # To wake the writer for each would cost more than all else.
        if len(self._pending) == 1 or self._is_due():
            self._work.notify()

    def _await(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            if self._has_given_up():
                raise self._failure()
            self._progress.wait(_LOOK_SECONDS)
        if self._replaced:
            raise self._replaced

    def _has_given_up(self) -> bool:
        patience = min(self._patience, STOPPING_SECONDS) if self._stop.is_set() else self._patience
        since = self._trying_since
        return since is not None and time.monotonic() - since > patience

    def _failure(self) -> MaskmatchError:
        paid = sum(outcome.calls.billed + outcome.calls.maybe_billed for outcome in self._pending)
        kind = StopRun if isinstance(self._trouble, StopRun) else Unavailable
        return kind(
            f"the journal {self._place} cannot be written: {self._trouble or 'the store does not answer'}; "
            f"{len(self._pending)} outcomes ({paid} paid) are not durable and will be called again"
        )

    def _write_until_closed(self) -> None:
        while group := self._next_group():
            if not self._persist(group):
                return

    def _next_group(self) -> list[Outcome]:
        """Wait until a group is due: somebody waits for it, it is half full, or it has waited long enough."""
        with self._lock:
            while not self._is_due():
                left = self._commit_at - time.monotonic() if self._pending else None
                self._work.wait(left)
            self._commit_at = time.monotonic() + COMMIT_SECONDS
            return self._pending.copy()

    def _is_due(self) -> bool:
        is_wanted = self._awaited > self._durable or 2 * len(self._pending) >= self._most_pending
        is_time = is_wanted or time.monotonic() >= self._commit_at
        return self._closing.is_set() or (bool(self._pending) and is_time)

    def _persist(self, group: list[Outcome]) -> bool:
        """Write a group, retrying as needed; return False when nobody waits for it any longer."""
        self._tally.add(group)
        self._trying_since = time.monotonic()
        while (pause := self._put(group, self._tally.counts)) is not None:
            if self._closing.is_set() and self._has_given_up():
                return False
            self._rest(pause)
        self._look_for_others()
        self._done(len(group))
        return True

    def _put(self, group: list[Outcome], counts: Counts) -> float | None:
        """Write a group; return how long to pause before it is tried again, None when it is written."""
        try:
            lines = to_lines(group, self._origin, shard_try=self._epoch)
            self._segments.append(lines, counts)
        except Exception as error:  # noqa: BLE001  whatever it is, the recording threads must learn of it
            self._trouble = error
            return self._outage.note_failure(
                f"the journal {self._place} cannot be written, calls wait until it can, "
                f"at most {self._patience:.0f} s: {error}"
            )
        self._outage.note_success(f"the journal {self._place} is written again; calls go on")
        return None

    def _rest(self, seconds: float) -> None:
        """Pause; the first moment of closing ends the pause, for one more try at once."""
        if self._closing.is_set():
            time.sleep(min(seconds, 1.0))
        else:
            self._closing.wait(seconds)

    def _look_for_others(self) -> None:
        """See now and then whether another try has taken over; the coordinator tells it at once."""
        if time.monotonic() < self._look_at:
            return
        with suppress(Exception):  # the group is durable; the next one looks again
            try:
                self._segments.check()
            except Replaced as error:
                self._replaced = error
            self._look_at = time.monotonic() + _OTHERS_SECONDS

    def _done(self, count: int) -> None:
        with self._lock:
            self._trouble = self._trying_since = None
            del self._pending[:count]
            self._durable += count
            self._progress.notify_all()
