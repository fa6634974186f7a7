"""The rate: one timeline per account, booked in short runs of even slots.

        now      next_slot
    ─────┼─────────┼────┼────┼────┼──>   each process books the next free slots and sleeps until its own
                   └ run of 3 ┘

Nothing is held, so a killed process leaks nothing but the slots of its run. The gateway does not tell how it
counts: the timeline stays a margin below the rate, which refusals widen and granted calls narrow, so that
about one call in a thousand is refused whatever way it counts.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import msgspec
from msgspec.structs import replace

CATCH_UP_SECONDS = 0.02
"""Slots later than this are lost: given out all at once they would be a burst."""
_LEAST_CATCH_UP_SECONDS = 0.004
FIRST_MARGIN = 0.008
_MOST_MARGIN = 0.05
_STEP, _STEP_AT = 0.004, 200.0
"""A refusal widens by this at up to so many calls a second, by less when there are more of them."""
_REFUSED_SHARE = 0.001
_MOST_PER_SECOND = 0.012
_JUMP_SECONDS = 2.0


class Timeline(msgspec.Struct, frozen=True):
    """When the next slot is, and what the gateway taught; times in seconds of the store's clock."""

    next_slot: float = 0.0
    margin: float = FIRST_MARGIN
    widened_since: float = 0.0
    widened: float = 0.0


def lead(timeline: Timeline, *, now: float, calls_per_second: float) -> float:
    """Return how far ahead (seconds; negative: behind) the timeline is booked.

    Nobody books far ahead, so more than that is a clock that has jumped back: as if nothing were booked.
    """
    ahead = timeline.next_slot - now
    return ahead if ahead <= _JUMP_SECONDS + 2 / calls_per_second else 0.0


def book(
    timeline: Timeline, *, now: float, calls: int, calls_per_second: float
) -> tuple[Timeline, tuple[float, ...]]:
    """Book the next free slots; return the new timeline and the time of each slot."""
    ahead = lead(timeline, now=now, calls_per_second=calls_per_second)
    # Calls made up for are more than the rate for a second: only the margin has room for them.
    catch_up = min(CATCH_UP_SECONDS, max(_LEAST_CATCH_UP_SECONDS, timeline.margin))
    first = now + max(ahead, -catch_up)
    interval = 1 / (calls_per_second * (1 - timeline.margin))
    margin = max(0.0, timeline.margin - calls * _step(calls_per_second) * _REFUSED_SHARE)
    slots = tuple(first + number * interval for number in range(calls))
    return replace(timeline, next_slot=first + calls * interval, margin=margin), slots


def widen(timeline: Timeline, *, now: float, refusals: int, calls_per_second: float) -> Timeline:
    """Widen the margin by a step per refusal; what many of them add in one second is bounded."""
    if not 0 <= now - timeline.widened_since < 1:
        timeline = replace(timeline, widened_since=now, widened=0.0)
    step = min(refusals * _step(calls_per_second), _MOST_PER_SECOND - timeline.widened)
    return replace(
        timeline, margin=min(_MOST_MARGIN, timeline.margin + step), widened=timeline.widened + step
    )


def _step(calls_per_second: float) -> float:
    return _STEP * min(1.0, _STEP_AT / calls_per_second)
