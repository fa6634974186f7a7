"""How many calls a second an account may make at which hour: less, or none, while others need it.

    rate  50 ┤────────┐              ┌────
          30 ┤        └──────────────┘          30 from 08:00 to 22:00
             └────────┬──────────────┬────
                    08:00          22:00

A lower rate holds from a second before its hour on, so that what is booked ahead is within it.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from maskmatch.core.errors import OutsideHours
from maskmatch.core.shown import shown_value

_AHEAD = timedelta(seconds=1)
"""More than anybody books ahead of its time."""
_RULE = re.compile(
    r"(?:at most )?(?P<rate>\d+(?:\.\d+)?)(?:/s)? from (?P<start>\d\d?:\d\d) to (?P<end>\d\d?:\d\d)", re.ASCII
)
_MOST_DAYS = 3700


@dataclass(frozen=True, slots=True)
class Hours:
    """At most so many calls a second from one time of day to another, which may be after midnight."""

    calls_per_second: float
    start: time
    end: time

    def __contains__(self, at: time) -> bool:
        """Return True for a time of day within the hours; their end lies outside."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        """Return the rule as it is written."""
        return f"{self.calls_per_second:g} from {self.start:%H:%M} to {self.end:%H:%M}"


def parse_hours(text: str) -> tuple[Hours, ...]:
    """Return rules written as `30 from 08:00 to 22:00`, parted by semicolons; raise ValueError."""
    return tuple(_hours(part.strip()) for part in text.split(";") if part.strip())


def _hours(text: str) -> Hours:
    found = _RULE.fullmatch(text)
    if not found:
        raise ValueError(f"{shown_value(text)} is no rate with its hours")
    start, end = (time.fromisoformat(f"{found[name]:0>5}") for name in ("start", "end"))
    if start == end:
        raise ValueError("its hours begin when they end")
    return Hours(float(found["rate"]), start, end)


@dataclass(frozen=True, slots=True)
class RateByHour:
    """The rules of an account, in its time zone; without one its rate is the same at all hours."""

    rules: tuple[Hours, ...] = ()
    time_zone: str = "UTC"

    def at(self, utc: datetime, calls_per_second: float) -> float:
        """Return how many calls a second are allowed at a time, by the rules and by the account itself."""
        if not self.rules:
            return calls_per_second
        zone = ZoneInfo(self.time_zone)
        moments = [(utc + ahead).astimezone(zone).time() for ahead in (timedelta(), _AHEAD)]
        limits = (rule.calls_per_second for rule in self.rules if any(at in rule for at in moments))
        return min([calls_per_second, *limits])

    def closed(self, utc: datetime) -> OutsideHours:
        """Return what to raise at a time at which no calls are allowed."""
        until = next((at for at in self._changes(utc) if self.at(at, 1.0) > 0), None)
        again = f"; they are again from {until:%Y-%m-%d %H:%M} UTC" if until else ""
        return OutsideHours(f"no calls are allowed at this hour (rate_by_hour: {self}){again}", until=until)

    def seconds_for(self, calls: int, *, calls_per_second: float, account: float, start: datetime) -> float:
        """Return how long so many calls take that would be made at a rate, were all hours as `start` is.

        `account` is what the account allows where no rule does, in calls a second.
        """
        at, left, allowed = start, float(calls), self.at(start, account)
        for change in self._changes(start) if self.rules else ():
            rate = calls_per_second * self.at(at, account) / allowed
            seconds = (change - at).total_seconds()
            if left <= rate * seconds:
                return (at - start).total_seconds() + left / rate
            at, left = change, left - rate * seconds
        return (at - start).total_seconds() + left / calls_per_second

    def _changes(self, utc: datetime) -> Iterable[datetime]:
        """Yield the times after one at which another rate may begin."""
        zone = ZoneInfo(self.time_zone)
        times = {each for rule in self.rules for each in (rule.start, rule.end)}
        today = utc.astimezone(zone).date()
        for days in range(_MOST_DAYS):
            local = (datetime.combine(today + timedelta(days=days), each, zone) for each in times)
            # Where a clock is set back, an hour comes twice.
            found = {each.replace(fold=fold).astimezone(UTC) for each in local for fold in (0, 1)}
            yield from sorted(at for at in found if at > utc)

    def __str__(self) -> str:
        """Return the rules as they are written."""
        return "; ".join(map(str, self.rules))


EVEN = RateByHour()
"""The same rate at all hours."""
