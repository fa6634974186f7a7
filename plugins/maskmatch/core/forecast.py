"""What a plan will cost, how long it will take and when it ends, reckoned before its first call.

    counts of the plan ─┐
    an earlier date    ─┤
    calls of the month ─┼─> Forecast ─> in words (forecast_words), as JSON (forecast_record)
    rate beside others ─┤
    bytes of a sample ──┘

What is not known is Unknown, with the reason; nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from maskmatch.core.pricing import TierCalls, calls_by_tier, price_of
from maskmatch.core.rate_by_hour import EVEN, RateByHour
from maskmatch.core.what_if import Alternative, alternatives


@dataclass(frozen=True, slots=True)
class Unknown:
    """A number that is not known, and why."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a plan comes to, in rows and in calls to make; bad rows by their code."""

    rows: int
    bad_rows: Mapping[str, int]
    repeated: int
    deduplicated: int
    skipped: int
    known: int
    calls: int

    def __add__(self, other: "Counts") -> "Counts":
        """Return both together."""
        codes = sorted({*self.bad_rows, *other.bad_rows})
        return Counts(
            rows=self.rows + other.rows,
            bad_rows={code: self.bad_rows.get(code, 0) + other.bad_rows.get(code, 0) for code in codes},
            repeated=self.repeated + other.repeated,
            deduplicated=self.deduplicated + other.deduplicated,
            skipped=self.skipped + other.skipped,
            known=self.known + other.known,
            calls=self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateUser:
    """Another run that uses the account now: its name, its priority, calls per second."""

    run_id: str
    priority: str
    calls_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Calls per second: what the account allows, what is left of it alone, and beside who uses it now.

    `margin` is the share that stays unused, as the gateway's refusals have taught.
    """

    allowed: float
    margin: float
    alone: float
    beside: float
    users: tuple[RateUser, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a run should have ended: the time of day that comes next in a time zone, if one is set.

    Next after the run has started, `since`; without that, after the forecast is made.
    """

    at: time | None = None
    time_zone: str = "UTC"
    since: datetime | None = None

    def seen_at(self, now: datetime) -> datetime | None:
        """Return when that is for a forecast that is made now."""
        if self.at is None:
            return None
        start, zone = self.since or now, ZoneInfo(self.time_zone)
        today = start.astimezone(zone).date()
        found = (
            datetime.combine(today + timedelta(days=days), self.at, zone).astimezone(start.tzinfo)
            for days in range(3)
        )
        return next(each for each in found if each > start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """How many calls an earlier date took for so many pairs that were to be called.

    They are fewer, for what is learnt of an image settles its other pairs; a call that failed for now is
    made again.
    """

    day: date
    pairs: int
    calls: int

    def expected(self, calls: int) -> int:
        """Return how many calls it takes if this date is like that one."""
        return round(calls * self.calls / self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a forecast reckons with beside the plan; without an earlier date each pair takes one call.

    `calls_per_second` is what the account allows where `rate_by_hour` has no rule, `calls_left` what the
    tightest budget still allows, None without one, and `budget` names that. `bytes_per_call` is what is sent
    for a call, on average over `sampled_pairs` pairs; nothing where signed URLs are sent in place of images.
    """

    month_calls: int | Unknown
    rate: Rate | Unknown
    bytes_per_call: float | Unknown
    sampled_pairs: int = 0
    sends_images: bool = True
    calls_left: int | None = None
    budget: str = ""
    deadline: Deadline = Deadline()
    calls_per_second: float | None = None
    rate_by_hour: RateByHour = EVEN
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole of it. Money is in CNY, without the account's free calls and packages.

    Cost, time and bytes are those of `expected_calls`, `cost_at_most` is that of one call for each pair.
    """

    days: tuple[date, ...]
    digest: str
    made_at: datetime
    counts: Counts
    around: Surroundings
    expected_calls: int
    tiers: tuple[TierCalls, ...]
    cost: Decimal | Unknown
    cost_at_most: Decimal
    seconds: float | Unknown
    seconds_alone: float | Unknown
    ends_at: datetime | Unknown
    deadline: datetime | None
    rate_for_deadline: float | None
    bytes_sent: int | Unknown
    alternatives: tuple[Alternative, ...]

    @property
    def is_in_time(self) -> bool | None:
        """Return True if the end is before the deadline, None when there is none or the end is unknown."""
        if self.deadline is None:
            return None
        if self.made_at > self.deadline:
            return False
        if isinstance(self.ends_at, Unknown):
            return None
        return self.ends_at <= self.deadline


def forecast(
    counts: Counts, around: Surroundings, *, days: tuple[date, ...], digest: str, now: datetime
) -> Forecast:
    """Reckon; a run that starts now, while all others go on as they do now."""
    month, earlier = around.month_calls, around.earlier
    calls = earlier.expected(counts.calls) if earlier else counts.calls
    tiers = () if isinstance(month, Unknown) else calls_by_tier(calls, month_calls=month)
    seconds, alone = _seconds(calls, around, now)
    deadline = around.deadline.seen_at(now)
    sent = around.bytes_per_call
    return Forecast(
        days=days,
        digest=digest,
        made_at=now,
        counts=counts,
        around=around,
        expected_calls=calls,
        tiers=tiers,
        cost=month if isinstance(month, Unknown) else sum((tier.cost for tier in tiers), Decimal(0)),
        cost_at_most=price_of(max(calls, counts.calls)),
        seconds=seconds,
        seconds_alone=alone,
        ends_at=_end(seconds, calls, around, now),
        deadline=deadline,
        rate_for_deadline=calls / (deadline - now).total_seconds() if deadline and deadline > now else None,
        bytes_sent=sent if isinstance(sent, Unknown) else round(sent * calls),
        alternatives=_alternatives(calls, around),
    )


def together(forecasts: Sequence[Forecast]) -> Forecast:
    """Return one forecast of plans that are run one after the other, in the surroundings of the first."""
    counts = [each.counts for each in forecasts]
    total, first = sum(counts[1:], start=counts[0]), forecasts[0]
    sizes = [each.bytes_sent for each in forecasts]
    unknown = next((each for each in sizes if isinstance(each, Unknown)), None)
    sent = sum(each for each in sizes if not isinstance(each, Unknown))
    around = replace(
        first.around,
        bytes_per_call=unknown or sent / max(1, sum(each.expected_calls for each in forecasts)),
        sampled_pairs=sum(each.around.sampled_pairs for each in forecasts),
    )
    days = tuple(day for each in forecasts for day in each.days)
    return forecast(total, around, days=days, digest="", now=first.made_at)


def _seconds(calls: int, around: Surroundings, now: datetime) -> tuple[float | Unknown, float | Unknown]:
    """Return how long the calls take beside those who are there now, and alone, hour by hour."""
    rate = around.rate
    if isinstance(rate, Unknown):
        return rate, rate
    account = around.calls_per_second or rate.allowed
    took = partial(around.rate_by_hour.seconds_for, calls, account=account, start=now)
    return took(calls_per_second=rate.beside), took(calls_per_second=rate.alone)


def _alternatives(calls: int, around: Surroundings) -> tuple[Alternative, ...]:
    if isinstance(around.rate, Unknown):
        return ()
    return alternatives(
        calls,
        calls_per_second=around.rate.allowed,
        margin=around.rate.margin,
        sends_images=around.sends_images,
    )


def _end(seconds: float | Unknown, calls: int, around: Surroundings, now: datetime) -> datetime | Unknown:
    if isinstance(seconds, Unknown):
        return seconds
    if around.calls_left is not None and around.calls_left < calls:
        return Unknown(f"the budget of the {around.budget} has {around.calls_left:,} calls left")
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return Unknown("it is some thousand years away")
