"""What `maskmatch quota` shows: the shared document in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from maskmatch.core.pricing import MICRO
from maskmatch.permits.steps import budgets, reserving, sharing
from maskmatch.permits.steps.claims import CHECK_RUN, Priority
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.state import State, runs_of

_SHOWN_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNow:
    """A process that takes permits, or waits while it is paused; `is_there` while it was seen lately.

    One that has left its last shard is not.
    """

    who: str
    run_id: str
    priority: Priority
    calls_per_second: float
    seen_seconds_ago: float
    is_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityNow:
    """A priority, the share of the rate it gets in any case, and what it takes now."""

    priority: Priority
    floor: float
    asks: bool
    calls_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowNow:
    """What was spent in a run, a day or a month (`kind`), and the limits last named for it."""

    kind: str
    name: str = ""
    calls: int = 0
    cny: Decimal = Decimal(0)
    most_calls: int | None = None
    most_cny: Decimal | None = None
    ends: datetime | None = None

    @property
    def left_calls(self) -> int | None:
        """Return how many calls may still be made, None where there is no limit."""
        return None if self.most_calls is None else max(0, self.most_calls - self.calls)

    @property
    def left_cny(self) -> Decimal | None:
        """Return how much money (CNY) may still be spent, None where there is no limit."""
        return None if self.most_cny is None else max(Decimal(0), self.most_cny - self.cny)

    @property
    def used_share(self) -> float | None:
        """Return the share that is spent, from 0 to 1; None where there is no limit."""
        shares = []
        if self.most_calls:
            shares.append(self.calls / self.most_calls)
        if self.most_cny:
            shares.append(float(self.cny / self.most_cny))
        return min(1.0, max(shares)) if shares else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The coordinator at one moment; `effective` is in calls granted a second over the last 10 s.

    An account that no run has used here is not known; `runs` are those it knows.
    """

    is_known: bool

    calls_per_second: float
    margin: float
    effective: float
    users: tuple[UserNow, ...]
    priorities: tuple[PriorityNow, ...]
    windows: tuple[WindowNow, ...]
    paused: tuple[str, ...]
    drained: tuple[str, ...]
    leases: Mapping[str, int]
    slowed_hosts: tuple[str, ...]
    runs: tuple[str, ...]

    def of_run(self, run_id: str) -> WindowNow | None:
        """Return what a run has spent or reserved, None while it has made no call."""
        return next((each for each in self.windows if (each.kind, each.name) == ("run", run_id)), None)

    def current(self, kind: str, at: datetime) -> WindowNow:
        """Return the day or the month that holds a time; nothing is spent of one that has not begun."""
        there = (each for each in self.windows if each.kind == kind and each.ends and each.ends > at)
        return next(there, WindowNow(kind=kind))


def snapshot(state: State, moment: Moment, calls_per_second: float) -> Snapshot:
    """Describe the document."""
    users = tuple(_users(state, moment.now))
    return Snapshot(
        is_known=state.is_known,
        calls_per_second=calls_per_second,
        margin=state.timeline.margin,
        effective=_effective(state, moment.now),
        users=users,
        priorities=tuple(_priority(state, each, users, moment.now) for each in Priority),
        windows=tuple(_window(key, window) for key, window in sorted(state.windows.items())),
        paused=tuple(sorted(state.paused)),
        drained=tuple(sorted(state.drained)),
        leases={shard: lease.epoch for shard, lease in state.leases.items() if not lease.released},
        slowed_hosts=tuple(sorted(state.hosts)),
        runs=tuple(sorted(runs_of(state))),
    )


def _effective(state: State, now: float) -> float:
    seconds = range(int(now) - _SHOWN_SECONDS, int(now))
    return sum(state.granted.get(second, 0) for second in seconds) / _SHOWN_SECONDS


def _users(state: State, now: float) -> list[UserNow]:
    return [
        UserNow(
            who=who,
            run_id=user.run_id,
            priority=user.priority,
            calls_per_second=reserving.faded(user, now) / reserving.FADE_SECONDS,
            seen_seconds_ago=max(0.0, now - user.seen),
            is_there=reserving.is_there(user, now) and user.run_id != CHECK_RUN,
        )
        for who, user in sorted(state.users.items())
    ]


def _priority(state: State, priority: Priority, users: tuple[UserNow, ...], now: float) -> PriorityNow:
    return PriorityNow(
        priority=priority,
        floor=sharing.floor_of(priority, state.priorities),
        asks=priority in state.priorities and sharing.asked(state.priorities[priority], now),
        calls_per_second=sum(user.calls_per_second for user in users if user.priority is priority),
    )


def _window(key: str, window: budgets.Window) -> WindowNow:
    kind, _, name = key.partition(":")
    return WindowNow(
        kind=kind,
        name=name,
        calls=window.calls,
        cny=Decimal(window.micro_cny) / MICRO,
        most_calls=window.most_calls,
        most_cny=None if window.most_micro_cny is None else Decimal(window.most_micro_cny) / MICRO,
        ends=None if window.ends is None else datetime.fromtimestamp(window.ends, UTC),
    )
