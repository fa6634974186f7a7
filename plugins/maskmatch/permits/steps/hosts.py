"""A limit by address: a host that hits its own limit at the gateway is slowed down, alone.

Its pace drops to seven tenths of the account's, or of what it was, and grows back by 2 % a second.
"""

import msgspec

_CUT, _GROWTH_PER_SECOND, _LEAST = 0.7, 0.02, 0.5
_CUT_EVERY_SECONDS = 1.0
_RUN_SECONDS = 0.1


class HostPace(msgspec.Struct, frozen=True):
    """The calls per second of a host as of the time `cut_at`, and when it may book again."""

    calls_per_second: float
    cut_at: float
    next_at: float


def pace_of(host: HostPace, now: float) -> float:
    """Return the calls per second of a host; a clock that jumped back does not speed it up."""
    return float(host.calls_per_second * (1 + _GROWTH_PER_SECOND) ** max(0.0, now - host.cut_at))


def cut(host: HostPace | None, *, now: float, calls_per_second: float) -> HostPace:
    """Slow a host down, at most once a second."""
    if host is None:
        return HostPace(_CUT * calls_per_second, now, now)
    if 0 <= now - host.cut_at < _CUT_EVERY_SECONDS:
        return host
    return HostPace(max(_LEAST, _CUT * min(calls_per_second, pace_of(host, now))), now, host.next_at)


def allowance(host: HostPace, calls: int, now: float) -> int:
    """Return how many calls a host may book now."""
    if 0 < host.next_at - now < 1 / host.calls_per_second + _RUN_SECONDS:
        return 0
    return max(1, min(calls, int(_RUN_SECONDS * pace_of(host, now))))


def note(host: HostPace, calls: int, now: float) -> HostPace:
    """Remember what a host has booked."""
    start = max(host.next_at, now - _RUN_SECONDS) if host.next_at <= now else now
    return HostPace(host.calls_per_second, host.cut_at, start + calls / pace_of(host, now))


def is_stale(host: HostPace, *, now: float, calls_per_second: float) -> bool:
    """Return True if the host is as fast as the account again, or speaks of a clock that has jumped back."""
    return pace_of(host, now) >= calls_per_second or host.cut_at > now
