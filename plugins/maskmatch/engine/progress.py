"""How far a shard or a run is, how fast it goes, what it costs and when it will be done."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from maskmatch.core.clock import Clock
from maskmatch.core.outcomes import Calls, Outcome, Status
from maskmatch.engine.measures import Measured, Measures

SAY_SECONDS = 10.0
"""Between two lines of the log: six a minute are read, and a night of eight hours has 3,000."""
REPORT_SECONDS = 5.0
"""Between two reports: who watches a page sees it move, and Airflow's database is spared."""
_RATE_SECONDS = 30
"""Over which a rate is told: as long as a breaker's pauses that double, or it would jump."""


def _ignore(_: object) -> None:
    pass


class Progress:
    """Counts outcomes and calls.

    `tick` says a line every ten seconds and hands the facts to `report` every five, how calls went to
    `measured`; `price` gives the money (CNY) for a number of billed calls.
    """

    def __init__(
        self,
        total: int,
        *,
        clock: Clock,
        say: Callable[[str], None],
        report: Callable[[dict[str, Any]], None] = _ignore,
        price: Callable[[int], Decimal] | None = None,
        measured: Callable[[Measured], None] = _ignore,
    ) -> None:
        self._total = total
        self._clock = clock
        self._say = say
        self._report = report
        self._price = price
        self._measured = measured
        self.measures = Measures()
        self._said_at = self._reported_at = clock.now()
        self._samples = deque([(clock.now(), 0)], maxlen=_RATE_SECONDS + 1)
        self.calls_in_flight = 0
        self.paused: str | None = None
        """Who has paused the run and how it goes on; None while it may go on."""
        self.known: Counter[str] = Counter()
        """Pairs that ended in earlier tries: scored, or by failure code."""
        self.counts: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.unknown_codes: Counter[str] = Counter()

    def leave_out(self, known: Mapping[str, int]) -> None:
        """Count pairs less in the total that turned out to have ended already: scored, or by failure code."""
        self.known.update(known)
        self._total -= sum(known.values())

    def add(self, outcome: Outcome) -> None:
        """Count one outcome and its calls."""
        self.counts[outcome.reason.code if outcome.reason else Status.SCORED.value] += 1
        self.add_calls(outcome.calls)

    def add_calls(self, calls: Calls) -> None:
        """Count calls, also those of a pair that has no outcome yet."""
        self.calls["attempts"] += calls.attempts
        self.calls["billed"] += calls.billed
        self.calls["maybe_billed"] += calls.maybe_billed

    def add_unknown(self, code: str) -> bool:
        """Count an answer whose code is not in the table; return True if it is the first with this code."""
        self.unknown_codes[code] += 1
        return self.unknown_codes[code] == 1

    def tick(self) -> None:
        """Say and report what is due; to be called many times a second."""
        now = self._clock.now()
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self.done))
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            self._say(self.line())
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over how calls went since the last time, and how far it is."""
        self._measured(self.measures.take())
        self._report(self.facts())

    @property
    def done(self) -> int:
        """Return how many pairs have an outcome."""
        return self.counts.total()

    @property
    def pairs_per_second(self) -> float:
        """Return the rate of the last half minute."""
        since, done = self._samples[0]
        seconds = self._clock.now() - since
        return (self.done - done) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return the time to the end at this rate; None while nothing gets done, or nothing may."""
        rate = 0.0 if self.paused else self.pairs_per_second
        return (self._total - self.done) / rate if rate else None

    @property
    def cny(self) -> Decimal | None:
        """Return what the billed calls cost; None without a price."""
        return self._price(self.calls["billed"]) if self._price else None

    def facts(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        left = self.seconds_left
        counts, calls, unknown = dict(self.counts), dict(self.calls), dict(self.unknown_codes)
        return {
            "total": self._total,
            "done": sum(counts.values()),
            "known": dict(self.known),
            "already_known": self.known.total(),
            "paused": self.paused,
            "counts": counts,
            "calls": calls,
            "unknown_codes": unknown,
            "pairs_per_second": round(self.pairs_per_second, 2),
            "seconds_left": None if left is None else round(left),
            "calls_in_flight": self.calls_in_flight,
            "cny": None if self.cny is None else str(self.cny),
        }

    def line(self) -> str:
        """Return done, rate, calls, money and time left as one line."""
        if not self._total:
            return f"nothing to call: all {self.known.total():,} pairs have ended before"
        left = self.seconds_left
        if self.done == self._total:
            time_left = "done"
        elif self.paused:
            time_left = self.paused
        else:
            time_left = "time left " + ("unknown" if left is None else str(timedelta(seconds=round(left))))
        return (
            f"{self.done:,} of {self._total:,} pairs ({100 * self.done / max(1, self._total):.1f} %), "
            f"{self.pairs_per_second:.1f} pairs/s, {self.calls['billed']:,} calls billed"
            + (f" ({self.calls['maybe_billed']:,} more perhaps)" if self.calls["maybe_billed"] else "")
            + (f", CNY {self.cny:,.2f}" if self.cny is not None else "")
            + f", {self.calls_in_flight} calls in flight, {time_left}"
        )

    def reasons(self) -> str:
        """Return what came of the pairs of this try in words, empty for none."""
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.most_common())
