"""How soon a nightly run gets the rate of an account that a backfill uses up, and what the backfill keeps.

Two processes of a backfill take all they get. A nightly arrives and takes all it gets; ends; comes again and
wants a third of the rate only. The stand-in gateway counts calendar seconds, with jitter before it and stalls
behind it, and says whose calls it accepted and when.

Side by side: our coordinator in SQLite and Redis; the best library limiter, shared in Redis (it knows no classes);
and a limiter in each process, where each run believes that the account is its own.
"""

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from _fleet import Crew
from _gateway import Books, Gateway, running
from _report import main
from _shifts import Rota, Shift, at_work

from devstack.redis import Redis
from maskmatch.permits.steps.claims import Priority
from maskmatch.permits.steps.sharing import FLOORS

QUOTA = 200
THREADS = 96
NIGHTLY, BACKFILLS = 1, (2, 3)
SETTLED_SECONDS = 2
FLOOR = FLOORS[Priority.BACKFILL]
OURS = ("sqlite", "redis")
GOALS = {
    f"{name}_{figure}": goal
    for name in OURS
    for figure, goal in {
        "nightly_third_second": (">=", 0.95),
        "nightly_share": (">=", 0.95),
        "backfill_of_its_floor": (">=", 0.9),
        "back_after_seconds": ("<=", 1.0),
        "together_when_nightly_wants_a_third": (">=", 0.97),
        "nightly_of_its_third": (">=", 0.97),
    }.items()
}


@dataclass(frozen=True, slots=True)
class Times:
    """When the backfill starts, the nightly comes and goes, comes again, and all ends (seconds)."""

    start: float
    comes: float
    goes: float
    comes_again: float
    end: float

    def since(self, start: float) -> "Times":
        """Return the same with another start."""
        return Times(*(start + each for each in astuple(self)))


TIMES, QUICK_TIMES = Times(0, 3, 11, 15, 23), Times(0, 1, 4, 5, 8)


def run(quick: bool) -> dict[str, float]:
    """Let four ways compete for 23 s each (quick: three for 8 s) and return their shares of the rate."""
    times = QUICK_TIMES if quick else TIMES
    with tempfile.TemporaryDirectory() as folder, Redis(Path(folder) / "redis") as redis:
        ways = {
            "sqlite": ("permit_store", f"sqlite:///{folder}/permits.sqlite3"),
            **({} if quick else {"redis": ("permit_store", redis.uri)}),
            "pyrate_redis": ("pyrate-redis", redis.uri),
            "own_limiters": ("static", ""),
        }
        figures: dict[str, float] = {"quota_per_second": QUOTA, "backfill_floor": FLOOR}
        for name, (way, store) in ways.items():
            found = _compete(way, store, times)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
    return figures


def _compete(way: str, store: str, times: Times) -> dict[str, float]:
    with running(Gateway(quota=QUOTA)) as (port, ledger):
        with at_work(_rota(way, store, port, times)) as start:
            time.sleep(max(0.0, start + times.end - time.time()))
        return _figures(ledger.books(), times.since(start))


def _rota(way: str, store: str, port: int, times: Times) -> Rota:
    def crew(number: int, processes: int, priority: Priority) -> Crew:
        return Crew(
            number=number,
            port=port,
            threads=THREADS,
            quota=QUOTA,
            until=math.inf,
            way=way,
            store=store,
            processes=processes,
            priority=priority,
        )

    always = Shift(since=times.start, until=times.end)
    visits = (
        Shift(since=times.comes, until=times.goes),
        Shift(since=times.comes_again, until=times.end, calls_per_second=QUOTA / 3),
    )
    backfills = [(crew(each, len(BACKFILLS), Priority.BACKFILL), (always,)) for each in BACKFILLS]
    return [*backfills, (crew(NIGHTLY, 1, Priority.NIGHTLY), visits)]


def _figures(books: Books, times: Times) -> dict[str, float]:
    nightly, backfill = _accepted(books, (NIGHTLY,)), _accepted(books, BACKFILLS)
    both = sorted(nightly + backfill)
    settled = times.comes + SETTLED_SECONDS
    again = times.comes_again + min(SETTLED_SECONDS, (times.end - times.comes_again) // 3)
    figures = {
        "alone_before": _share(backfill, times.comes - 1, times.comes),
        "nightly_third_second": _share(nightly, settled, settled + 1),
        "nightly_share": _share(nightly, settled, times.goes),
        "nightly_there_after_seconds": _reached(nightly, times.comes, times.goes),
        "backfill_share": _share(backfill, settled, times.goes),
        "backfill_of_its_floor": _share(backfill, settled, times.goes) / FLOOR,
        "back_after_seconds": _reached(backfill, times.goes, times.comes_again),
        "together_when_nightly_wants_a_third": _share(both, again, times.end),
        "nightly_of_its_third": 3 * _share(nightly, again, times.end),
        "refused_share": books.refused_share(since=times.start, until=times.end),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _accepted(books: Books, callers: Sequence[int]) -> list[float]:
    return [at for at, caller in zip(books.accepted, books.accepted_of, strict=True) if caller in callers]


def _share(accepted: Sequence[float], since: float, until: float) -> float:
    return sum(since <= at < until for at in accepted) / (QUOTA * (until - since))


def _reached(accepted: Sequence[float], since: float, until: float) -> float:
    """Return after how many seconds half a second with 0.95 of the rate begins; if never, the whole time."""
    steps = int((until - since - 0.5) * 20)
    return next(
        (
            step / 20
            for step in range(steps + 1)
            if _share(accepted, since + step / 20, since + step / 20 + 0.5) >= 0.95
        ),
        until - since,
    )


if __name__ == "__main__":
    sys.exit(main("priority", __doc__, run, GOALS))
