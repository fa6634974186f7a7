"""A forecast in words, the same for terminal, log, page and request for approval."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from maskmatch.core.forecast import Forecast, Rate, Unknown
from maskmatch.core.shown import plain

T = TypeVar("T")
_LEAST_SHOWN = 0.1
"""Calls a second; less would be shown as none."""
HEADINGS = ("what if", "calls/s", "time", "end (UTC)", "CNY", "sent by us")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_KILO = 1000
PRICES_NOTE = (
    "Prices as the vendor's documents of 2021-23 list them, by call and for packages by the day, without the "
    "account's free calls and prepaid packages; the vendor's console says what holds today."
)


def facts(this: Forecast) -> list[tuple[str, str]]:
    """Return what is forecast, each with its name."""
    counts = this.counts
    return [
        ("rows", f"{counts.rows:,}"),
        ("bad rows", _by_code(counts.bad_rows.items())),
        ("rows that repeat a pair", f"{counts.repeated:,}"),
        ("rows settled by another", f"{counts.deduplicated:,}"),
        ("rows skipped", f"{counts.skipped:,}"),
        ("rows whose answer is known", f"{counts.known:,}"),
        ("pairs to call", f"{counts.calls:,}"),
        ("calls to make", _calls(this)),
        ("calls of the month so far", _or_why(this.around.month_calls, _counted)),
        ("cost", _cost(this)),
        ("rate", _rate(this.around.rate)),
        ("time", _time(this)),
        ("end", _or_why(this.ends_at, lambda end: moment(end, this.around.deadline.time_zone))),
        ("deadline", _deadline(this)),
        ("sent by us", _sent(this)),
    ]


def comparison(this: Forecast) -> list[tuple[str, ...]]:
    """Return a row for each other way to make the calls, under HEADINGS."""
    return [
        (
            each.name,
            f"{each.calls_per_second:,.1f}",
            duration(each.seconds),
            f"{this.made_at + timedelta(seconds=each.seconds):%Y-%m-%d %H:%M}",
            money(each.cost) if each.cost is not None else _or_why(this.cost, money),
            _bytes(each.bytes_sent) if each.bytes_sent is not None else _or_why(this.bytes_sent, _bytes),
        )
        for each in this.alternatives
    ]


def headline(this: Forecast) -> str:
    """Return calls, cost and end in one line."""
    cost = f"at most CNY {money(this.cost_at_most)}" if isinstance(this.cost, Unknown) else _cny(this.cost)
    about = "about " if this.around.earlier else ""
    return f"{about}{this.expected_calls:,} calls, {cost}, end {_or_why(this.ends_at, _utc)}"


def lateness(this: Forecast) -> str:
    """Return calls, cost and end beside the deadline, in one line."""
    return f"{headline(this)}; deadline {_deadline(this)}"


def lines(this: Forecast) -> list[str]:
    """Return the whole forecast as lines of text."""
    width = max(len(name) for name, _ in facts(this))
    found = [f"{name:<{width}}  {value}" for name, value in facts(this)]
    for name, rate, time, end, cost, sent in comparison(this):
        found.append(f"what if {name}: {rate} calls/s, {time}, end {end} UTC, CNY {cost}, {sent} sent by us")
    return found


def money(amount: Decimal) -> str:
    """Return an amount with two decimals, rounded up lest something cost nothing."""
    return f"{amount.quantize(Decimal('0.01'), rounding='ROUND_UP'):,}"


def duration(seconds: float) -> str:
    """Return a time in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    days, rest = divmod(-(-whole // 60), 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days:,} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def moment(at: datetime, time_zone: str) -> str:
    """Return a time in UTC and, where that is another, in a time zone."""
    if time_zone == "UTC":
        return _utc(at)
    return f"{_utc(at)}, {at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M} {time_zone}"


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _or_why(value: T | Unknown, words: Callable[[T], str]) -> str:
    return f"unknown: {value.why}" if isinstance(value, Unknown) else words(value)


def _counted(calls: int) -> str:
    return f"{calls:,}, as the permit store has counted"


def _calls(this: Forecast) -> str:
    if (earlier := this.around.earlier) is None:
        return f"{this.expected_calls:,}, fewer if images are bad: no earlier date tells how many are"
    return (
        f"{this.expected_calls:,} expected: on {earlier.day} {earlier.pairs:,} pairs took {earlier.calls:,}, "
        "for a bad image settles its pairs and some calls are made again"
    )


def _by_code(counts: Iterable[tuple[str, int]]) -> str:
    found = sorted(counts, key=lambda each: (-each[1], each[0]))
    codes = ", ".join(f"{count:,} {code}" for code, count in found)
    return f"{sum(count for _, count in found):,}" + (f" ({codes})" if codes else "")


def _cny(amount: Decimal) -> str:
    return f"CNY {money(amount)}"


def _cost(this: Forecast) -> str:
    if isinstance(this.cost, Unknown):
        return f"at most {_cny(this.cost_at_most)}; by tier unknown: {this.cost.why}"
    by_tier = " + ".join(f"{tier.calls:,} x {tier.price}" for tier in this.tiers)
    return _cny(this.cost) + (f" ({by_tier})" if by_tier else "")


def _rate(rate: Rate | Unknown) -> str:
    if isinstance(rate, Unknown):
        return f"unknown: {rate.why}"
    of = f"{rate.beside:,.1f} calls/s of {rate.allowed:,g} allowed, margin learnt {100 * rate.margin:.1f} %"
    users = ", ".join(
        f"{plain(user.run_id)} ({user.priority}, {user.calls_per_second:.1f} calls/s)" for user in rate.users
    )
    return f"{of}; beside {users}" if users else f"{of}; nobody else is there"


def _time(this: Forecast) -> str:
    if isinstance(this.seconds, Unknown) or isinstance(this.seconds_alone, Unknown):
        return _or_why(this.seconds, duration)
    if this.seconds == this.seconds_alone:
        return duration(this.seconds)
    alone = duration(this.seconds_alone)
    return f"{duration(this.seconds)} while the others go on as now; {alone} alone"


def _deadline(this: Forecast) -> str:
    if this.deadline is None:
        return "not set"
    at = moment(this.deadline, this.around.deadline.time_zone)
    if this.rate_for_deadline is None:
        return f"{at}: MISSED, it has passed"
    if this.is_in_time:
        return f"{at}: kept"
    kept = "unknown whether it is kept" if this.is_in_time is None else "MISSED"
    rate = f"{this.rate_for_deadline:,.1f}" if this.rate_for_deadline >= _LEAST_SHOWN else "even 0.1"
    return f"{at}: {kept} ({rate} calls/s would end by then)"


def _sent(this: Forecast) -> str:
    if isinstance(this.bytes_sent, Unknown):
        return f"unknown: {this.bytes_sent.why}"
    if not this.around.sends_images:
        return "0 B: the vendor fetches the images"
    return f"{_bytes(this.bytes_sent)}, by the sizes of the images of {this.around.sampled_pairs:,} pairs"


def _bytes(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < _KILO:
            return f"{count:.3g} {unit}"
        count /= _KILO
    return f"{count:,.3g} {_UNITS[-1]}"
