"""A forecast as JSON values: numbers with their unit in the name, money as text, what is unknown null."""

from datetime import date
from decimal import Decimal
from typing import Any

from maskmatch.core.forecast import Forecast, Rate, Unknown
from maskmatch.core.forecast_words import facts
from maskmatch.core.what_if import Alternative


def to_record(this: Forecast) -> dict[str, Any]:
    """Return a small object; `unknown` has the reason for each null that stands for an unknown number."""
    counts = this.counts
    perhaps = {
        "month_calls": this.around.month_calls,
        "cost_cny": this.cost,
        "rate": this.around.rate,
        "seconds": this.seconds,
        "seconds_alone": this.seconds_alone,
        "ends_at": this.ends_at,
        "bytes_sent": this.bytes_sent,
    }
    return {
        "days": [str(day) for day in this.days],
        "digest": this.digest,
        "made_at": this.made_at.isoformat(),
        "rows": counts.rows,
        "bad_rows": dict(counts.bad_rows),
        "rows_repeated": counts.repeated,
        "rows_deduplicated": counts.deduplicated,
        "rows_skipped": counts.skipped,
        "rows_known": counts.known,
        "calls": counts.calls,
        "calls_expected": this.expected_calls,
        "expected_by_day": _value(this.around.earlier and this.around.earlier.day),
        **{name: _value(value) for name, value in perhaps.items()},
        "cost_at_most_cny": str(this.cost_at_most),
        "tiers": [{"calls": tier.calls, "cny_per_call": str(tier.price)} for tier in this.tiers],
        "deadline": _value(this.deadline),
        "time_zone": this.around.deadline.time_zone,
        "is_in_time": this.is_in_time,
        "calls_per_second_for_deadline": this.rate_for_deadline,
        "sampled_pairs": this.around.sampled_pairs,
        "what_if": [_alternative(each) for each in this.alternatives],
        "in_words": dict(facts(this)),
        "unknown": {name: value.why for name, value in perhaps.items() if isinstance(value, Unknown)},
    }


def _value(value: object) -> Any:
    match value:
        case Unknown():
            return None
        case Rate():
            return _rate(value)
        case date():
            return value.isoformat()
        case Decimal():
            return str(value)
    return value


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "calls_per_second_allowed": rate.allowed,
        "margin": rate.margin,
        "calls_per_second": rate.beside,
        "calls_per_second_alone": rate.alone,
        "users": [
            {
                "run_id": user.run_id,
                "priority": user.priority,
                "calls_per_second": user.calls_per_second,
            }
            for user in rate.users
        ],
    }


def _alternative(this: Alternative) -> dict[str, Any]:
    """Return another way; a null cost or number of bytes is that of the forecast itself."""
    return {
        "name": this.name,
        "calls_per_second": this.calls_per_second,
        "seconds": this.seconds,
        "cost_cny": _value(this.cost),
        "bytes_sent": this.bytes_sent,
    }
