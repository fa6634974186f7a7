"""Who goes first: nightly before ad hoc before backfill, with a floor for the lower ones.

A lower priority takes what it likes while no higher one asks, a little of what a higher one leaves unused,
and its floor when a higher one uses the whole rate.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from maskmatch.permits.steps.claims import Priority

FLOORS: Mapping[Priority, float] = {Priority.NIGHTLY: 1.0, Priority.AD_HOC: 0.03, Priority.BACKFILL: 0.02}
"""Shares of the rate that a priority gets in any case, unless changed through the coordinator."""
_RANKS = {priority: rank for rank, priority in enumerate(Priority)}
_ASKED_SECONDS = 1.0
_LEFTOVER_SECONDS = 0.02
_FLOOR_RUN_SECONDS = 0.1
_FLOOR_CATCH_UP_SECONDS = 0.5
_UNUSED_SECONDS = 0.01
"""A timeline that is booked for less than this is not used up: who wants all of it books ahead."""


class PriorityShare(msgspec.Struct, frozen=True):
    """What is known of a priority: its floor if changed, when it last asked and may next take its floor."""

    floor: float | None = None
    asked_at: float = 0.0
    floor_at: float = 0.0


class Turn(msgspec.Struct, frozen=True):
    """How many calls a priority may book now, or when it should ask again (seconds)."""

    calls: int
    retry_after: float = 0.0
    is_floor: bool = False


def asked(share: PriorityShare, now: float) -> bool:
    """Return True if the priority wants calls now."""
    return 0 <= now - share.asked_at < _ASKED_SECONDS


def floor_of(priority: Priority, shares: Mapping[Priority, PriorityShare]) -> float:
    """Return the share of the rate that the priority gets in any case."""
    floor = shares.get(priority, PriorityShare()).floor
    return FLOORS[priority] if floor is None else floor


def turn(
    shares: Mapping[Priority, PriorityShare],
    priority: Priority,
    calls: int,
    *,
    now: float,
    lead: float,
    calls_per_second: float,
) -> Turn:
    """Return what a priority may book while the timeline is `lead` seconds ahead."""
    rivals = (share for other, share in shares.items() if _RANKS[other] < _RANKS[priority])
    if not any(asked(share, now) for share in rivals):
        return Turn(calls)
    if lead < _UNUSED_SECONDS:
        return Turn(min(calls, max(1, int(_LEFTOVER_SECONDS * min(calls_per_second, 1e6)))))
    unused_in = max(_UNUSED_SECONDS / 2, lead - _UNUSED_SECONDS / 2)
    floor = floor_of(priority, shares) * calls_per_second
    if not floor:
        return Turn(0, unused_in)
    floor_in = shares.get(priority, PriorityShare()).floor_at - now
    if 0 < floor_in < 1 / floor + _FLOOR_RUN_SECONDS:
        return Turn(0, min(floor_in, unused_in))
    saved_up = _FLOOR_RUN_SECONDS + max(0.0, min(-floor_in, _FLOOR_CATCH_UP_SECONDS))
    return Turn(max(1, min(calls, int(saved_up * floor))), is_floor=True)


def note(share: PriorityShare, *, now: float, floor_calls: int, floor_per_second: float) -> PriorityShare:
    """Remember that a priority asked, and what it took of its floor."""
    share = replace(share, asked_at=now)
    if not floor_calls:
        return share
    start = min(now, max(share.floor_at, now - _FLOOR_CATCH_UP_SECONDS))
    return replace(share, floor_at=start + floor_calls / floor_per_second)
