"""The rows of the table of slow services: what each simulates, and what is asked of it.

Rates are 20 and 200 calls a second and a call's time limit is 10 s; R/10 is a service that answers a tenth of
the rate. Where no goal stands, a row is shown and not judged; `beyond` says why a goal cannot be reached.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from maskmatch.engine.capacity import HOME
from tests.engine.slow_play import TIME_LIMIT, Play
from tests.engine.slow_services import (
    Latency,
    Quick,
    SerialQueue,
    Service,
    SharedProcessor,
    Steps,
    WorkerPool,
)
from tests.engine.turns import Turns

RATES = (20, 200)
FALLS_AT, IS_BACK_AT = 5.0, 65.0
PLENTY = 50.0
"""Times the rate: a service that is no limit."""
_LATE = (0.0, 5.0, 10.0, 15.0)
_LATE_EIGHT = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.5, 15.0)
_SILENT_SECONDS = 8.0

Goals = Mapping[int, Mapping[str, tuple[str, float]]]
Make = Callable[[float], Callable[[Turns, int], Service]]
"""Makes a service for a rate."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A scenario.

    `seconds` of the rate are compared; nothing is answered before `silent_until`; from `warm_at` on the
    `capacity` (calls a second by time, for a rate of 1) is to be used. `goals` say for each rate which figure
    must be at most or at least what, `beyond` why some of them cannot be reached.
    """

    make: Make
    seconds: float = 15.0
    warm_at: float = 0.0
    capacity: Steps | None = None
    starts: Sequence[float] = (0.0,)
    refusal: str = "RequestLimitExceeded"
    has_fall: bool = False
    silent_until: float = 0.0
    goals: Goals = field(default_factory=dict)
    beyond: Mapping[str, str] = field(default_factory=dict)

    def play(self, rate: float, seed: int) -> Play:
        """Return what is to be played."""
        return Play(
            rate=rate,
            pairs=int(self.seconds * rate),
            service=self.make(rate),
            seed=seed,
            starts=self.starts,
            refusal=self.refusal,
        )


def _quick(latency: Latency, *, warm_at: float = 0.0) -> Make:
    return lambda rate: partial(Quick, latency=latency, warm_at=warm_at)


def _queue(capacity: Steps, mean: float = 0.5, **limits: float) -> Make:
    latency = Latency(means=((0, mean),))
    most_waiting = limits.get("most_waiting", float("inf"))
    return lambda rate: partial(
        SerialQueue,
        latency=latency,
        capacity=_times(capacity, rate),
        most_waiting=most_waiting * rate,
    )


def _shared(capacity: Steps, mean: float = 0.5) -> Make:
    latency = Latency(means=((0, mean),))
    return lambda rate: partial(SharedProcessor, latency=latency, capacity=_times(capacity, rate))


def _pool(capacity: Steps, mean: float = 0.5) -> Make:
    """Return workers of 5 s each; none of their time is counted where there is plenty."""
    latency = Latency(means=((0, mean),))

    def make(rate: float) -> Callable[[Turns, int], Service]:
        steps = [(since, int(share * rate * 5), 0.0 if share == PLENTY else 5.0) for since, share in capacity]
        return partial(WorkerPool, latency=latency, steps=steps)

    return make


def _times(capacity: Steps, rate: float) -> Steps:
    return [(since, share * rate) for since, share in capacity]


def _both(**goals: tuple[str, float]) -> Goals:
    return dict.fromkeys(RATES, goals)


def _at_200(**goals: tuple[str, float]) -> Goals:
    return {200: goals}


TENTH, THIRD = ((0.0, 1 / 10),), ((0.0, 1 / 3),)
FALL = ((0.0, PLENTY), (FALLS_AT, 1 / 10), (IS_BACK_AT, PLENTY))
_SLOW = {"seconds": 15.0, "warm_at": 10.0}
_EIGHT = (0.0,) * 8
_FALL = {"seconds": 20.0, "capacity": FALL, "has_fall": True}
_FEW = {"lost_worst": ("<=", 0.05), "use": (">=", 0.95), "median": ("<=", TIME_LIMIT / 2)}
_QUEUE, _SHARED = {"lost": ("<=", 0.01), **_FEW}, {"lost": ("<=", 0.03), **_FEW}
_FAIR = (">=", 0.98)
_QUICK = {"full_rate_after": ("<=", 1.0), "use": (">=", 0.995), "lost": ("<=", 0.0)}


def _fall(
    make: Callable[[Steps, float], Make], *, back: float, beyond: Mapping[str, str] | None = None
) -> Row:
    """Return a fall at .3 s."""
    goals = {
        rate: {"lost": ("<=", lost), "full_rate_after": ("<=", back)}
        for rate, lost in ((20, 0.01), (200, 0.005))
    }
    return Row(make=make(FALL, 0.3), goals=goals, beyond=beyond or {}, **_FALL)  # type: ignore[arg-type]


def _fall_when_slow(make: Callable[[Steps, float], Make], *, back: float) -> Row:
    """Return a fall at .9 s, when the whole rate is in flight."""
    goals = _both(over_bound=("<=", 0.0), full_rate_after=("<=", back))
    return Row(make=make(FALL, 0.9), goals=goals, beyond=_WHEN_SLOW, **_FALL)  # type: ignore[arg-type]


def _slow(make: Make, capacity: Steps, goals: Mapping[str, tuple[str, float]], **more: object) -> Row:
    return Row(make=make, capacity=capacity, goals=_both(**goals), **_SLOW | more)  # type: ignore[arg-type]


def _late(starts: Sequence[float]) -> Row:
    """Return processes that start one after the other."""
    goals = _at_200(**_QUEUE, jain=_FAIR)
    return Row(make=_queue(TENTH), capacity=TENTH, starts=starts, seconds=22.5, warm_at=10, goals=goals)


_WHEN_SLOW = {
    "over_bound": "the last of n in a queue is served n/C later: n - C(D - .9) are lost at once, and "
    "until answers take .4 D each that comes is followed by another call",
    "full_rate_after": "as many calls must be in flight again as take .9 s, one more with each answer",
}
_ALWAYS_SOME = {"lost": "at R/10 it loses two in a hundred all the time, of a third of the pairs"}

_DEAD_LOST = {rate: {"lost_calls": ("<=", rate * TIME_LIMIT * HOME + 15)} for rate in RATES}

ROWS: dict[str, Row] = {
    "quick .25 s, cold": Row(make=_quick(Latency(means=((0, 0.25),))), seconds=25, goals=_both(**_QUICK)),
    "quick .5 s, cold": Row(make=_quick(Latency()), seconds=25, goals=_both(**_QUICK)),
    "quick, long tails": Row(
        make=_quick(Latency(sigma=0.9, stalls=0.03)), seconds=30, warm_at=5, goals=_both(use=(">=", 0.99))
    ),
    "quick, long tails x8": Row(
        make=_quick(Latency(sigma=0.9, stalls=0.03)),
        seconds=30,
        warm_at=5,
        starts=_EIGHT,
        goals=_both(use=(">=", 0.99)),
    ),
    "quick .3 s, then .9 s": Row(
        make=_quick(Latency(means=((0, 0.3), (10, 0.9)))), seconds=25, goals=_at_200(use=(">=", 0.994))
    ),
    "silent 8 s, then quick": Row(
        make=_quick(Latency(means=((0, 0.25),)), warm_at=_SILENT_SECONDS),
        seconds=25,
        silent_until=_SILENT_SECONDS,
        goals=_both(full_rate_after=("<=", 2.0), lost=("<=", 0.002)),
    ),
    "queue R/10": _slow(_queue(TENTH), TENTH, _QUEUE),
    "queue R/3": _slow(_queue(THIRD), THIRD, _QUEUE),
    "shared R/10": _slow(_shared(TENTH), TENTH, _SHARED),
    "workers R/10": _slow(_pool(TENTH), TENTH, {"use": (">=", 0.9)}),
    "workers R/3": _slow(_pool(THIRD), THIRD, {}, warm_at=40.0),
    "queue falls, .3 s": _fall(_queue, back=2),
    "queue falls, .9 s": _fall_when_slow(_queue, back=2),
    "shared falls, .3 s": _fall(_shared, back=2, beyond=_ALWAYS_SOME),
    "shared falls, .9 s": _fall_when_slow(_shared, back=2),
    "workers fall, .3 s": _fall(_pool, back=3),
    "workers fall, .9 s": _fall_when_slow(_pool, back=3),
    "refuses above R/8": Row(
        make=_queue(TENTH, most_waiting=1 / 8), capacity=TENTH, goals=_at_200(refused=("<=", 0.1)), **_SLOW
    ),
    "503 above R/8": Row(
        make=_queue(TENTH, most_waiting=1 / 8), capacity=TENTH, refusal="ServerNetworkError", **_SLOW
    ),
    "dead from the start": Row(make=_queue(((0.0, 0.0),)), goals=_DEAD_LOST),
    "quick .5 s, cold x8": Row(make=_quick(Latency()), seconds=25, starts=_EIGHT, goals=_both(**_QUICK)),
    "queue R/10 x4 late": _late(_LATE),
    "queue R/10 x8 late": _late(_LATE_EIGHT),
    "queue R/10 x8": Row(
        make=_queue(TENTH), capacity=TENTH, starts=_EIGHT, goals=_at_200(**_QUEUE, jain=_FAIR), **_SLOW
    ),
    "shared R/10 x8": Row(
        make=_shared(TENTH), capacity=TENTH, starts=_EIGHT, goals=_at_200(**_SHARED, jain=_FAIR), **_SLOW
    ),
    "queue falls x8": Row(
        make=_queue(FALL, 0.3),
        starts=_EIGHT,
        goals=_at_200(lost=("<=", 0.005), full_rate_after=("<=", 2), jain=_FAIR),
        **_FALL,
    ),
}
