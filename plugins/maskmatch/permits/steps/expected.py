"""The rate that a run may expect beside those who are there now, if they go on as they do."""

from collections.abc import Iterable
from itertools import groupby

from maskmatch.core.forecast import Rate, RateUser
from maskmatch.permits.steps.claims import Priority
from maskmatch.permits.steps.snapshot import Snapshot

_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


def expected_rate(now: Snapshot, priority: Priority, *, run_id: str) -> Rate:
    """Return what is left for a run of this priority.

    A higher priority keeps what it takes but for our floor, a lower one keeps its floor but for ours, and
    runs of the same priority share evenly. Nothing may be left where our floor is 0.
    """
    alone = now.calls_per_second * (1 - now.margin)
    users = tuple(_runs(now, but=run_id))
    floors = {each.priority: each.floor * now.calls_per_second for each in now.priorities}
    before = sum(user.calls_per_second for user in users if _is_before(user, priority))
    behind = 0.0
    for lower in (each for each in Priority if _RANKS[each] > _RANKS[priority]):
        taken = sum(user.calls_per_second for user in users if user.priority == lower)
        behind += min(taken, floors[lower])
    kept = min(alone, floors[priority]) if _RANKS[priority] else 0.0
    left = max(alone - before - behind, kept)
    beside = [user for user in users if user.priority == priority]
    left -= sum(min(user.calls_per_second, left / (len(beside) + 1)) for user in beside)
    return Rate(allowed=now.calls_per_second, margin=now.margin, alone=alone, beside=left, users=users)


def _runs(now: Snapshot, *, but: str) -> Iterable[RateUser]:
    """Yield the other runs that are there, each with all its processes."""
    there = [user for user in now.users if user.is_there and user.run_id != but]
    by_run = groupby(sorted(there, key=lambda user: user.run_id), key=lambda user: user.run_id)
    for run_id, processes in by_run:
        found = list(processes)
        rate = sum(process.calls_per_second for process in found)
        yield RateUser(run_id=run_id, priority=found[0].priority, calls_per_second=rate)


def _is_before(user: RateUser, priority: Priority) -> bool:
    return _RANKS[Priority(user.priority)] < _RANKS[priority]
