"""Locks by name, for whoever must be alone for a while; one that is not given back ends by itself."""

from collections.abc import Mapping

import msgspec


class Lock(msgspec.Struct, frozen=True):
    """Who has a lock, and until when (seconds since 1970)."""

    holder: str
    until: float


Locks = Mapping[str, Lock]


def take(locks: Locks, name: str, holder: str, *, utc: float, seconds: float) -> tuple[Locks, bool]:
    """Return the locks after somebody asked for one, and whether he has it now."""
    there = locks.get(name)
    if there and there.holder != holder and there.until > utc:
        return locks, False
    return {**locks, name: Lock(holder, utc + seconds)}, True


def give_back(locks: Locks, name: str, holder: str) -> Locks:
    """Return the locks without one, if it is still this holder's."""
    there = locks.get(name)
    return {each: lock for each, lock in locks.items() if each != name or not there or there.holder != holder}


def lasting(locks: Locks, utc: float) -> Locks:
    """Return the locks that have not ended."""
    return {name: lock for name, lock in locks.items() if lock.until > utc}
