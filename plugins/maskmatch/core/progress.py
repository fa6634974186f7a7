"""How far a shard is, how fast it goes and when it will be done."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from maskmatch.core.outcomes import Outcome, Status
from maskmatch.core.pacing import Clock

REPORT_SECONDS = 10.0


class Progress:
    """Counts outcomes and says a line about them every ten seconds; may be used by many threads."""

    def __init__(self, total: int, *, clock: Clock, say: Callable[[str], None]) -> None:
        self._total = total
        self._clock = clock
        self._say = say
        self._started = self._said_at = clock.now()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        with self._lock:
            self.counts[outcome.reason.code if outcome.reason else Status.SCORED.value] += 1
            self.calls["attempts"] += outcome.calls.attempts
            self.calls["billed"] += outcome.calls.billed
            self.calls["maybe_billed"] += outcome.calls.maybe_billed
            if self._clock.now() - self._said_at >= REPORT_SECONDS:
                self._said_at = self._clock.now()
                self._say(self.line())

    @property
    def done(self) -> int:
        """Return how many pairs have an outcome."""
        return self.counts.total()

    def line(self) -> str:
        """Return done, rate and time left as one line."""
        seconds = max(self._clock.now() - self._started, 1e-9)
        rate = self.done / seconds
        left = timedelta(seconds=round((self._total - self.done) / rate)) if rate else "unknown"
        return (
            f"{self.done:,} of {self._total:,} pairs ({100 * self.done / max(1, self._total):.1f} %), "
            f"{rate:.1f} pairs/s, {self.calls['billed']:,} calls billed, time left {left}"
        )
