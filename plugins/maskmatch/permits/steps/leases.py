"""The fence, and the turn: only the newest try of a shard may pay, and one run at a time at a date.

Each try takes the lease of its shard and with it the next epoch. A lease that was given up keeps its
epoch for a day, so that a try that wakes up late still meets the fence. A run takes over its own shards at
once; another one waits until the holder has given up its leases, or was not seen for a while.

Decision: docs/adr/0031-two-runs-of-one-date.md
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

UNSEEN_SECONDS = 60.0
"""A holder that was not seen for so long is gone: it shows itself four times as often."""
_IDLE_SECONDS = 7 * 86400.0
_RELEASED_SECONDS = 86400.0


class Lease(msgspec.Struct, frozen=True):
    """Which run works at a shard, '' where that is not known; `seen` is in seconds since 1970."""

    epoch: int
    seen: float
    released: bool = False
    holder: str = ""


def held_by_other(leases: Mapping[str, Lease], among: str, holder: str, *, utc: float) -> Lease | None:
    """Return the lease by which another run works at a shard whose name begins with `among`, if one does."""
    others = [
        lease
        for shard, lease in leases.items()
        if shard.startswith(among) and lease.holder not in ("", holder) and _is_held(lease, utc)
    ]
    return max(others, key=lambda lease: lease.seen, default=None)


def _is_held(lease: Lease, utc: float) -> bool:
    return not lease.released and utc - lease.seen < UNSEEN_SECONDS


def take(leases: Mapping[str, Lease], shard: str, *, at_least: int, utc: float, holder: str = "") -> Lease:
    """Return the lease of the next try of a shard."""
    kept = leases[shard].epoch if shard in leases else 0
    return Lease(max(kept + 1, at_least), utc, holder=holder)


def hold(lease: Lease | None, epoch: int, *, utc: float, holder: str = "") -> Lease | None:
    """Return the lease as it is after its holder was seen, None when another has taken it over.

    A store that lost its data knows no lease: the first that comes has it, until a newer one comes.
    """
    if lease and epoch < lease.epoch:
        return None
    return Lease(epoch, utc, holder=holder)


def renew(
    leases: Mapping[str, Lease], mine: Mapping[str, int], *, utc: float, holder: str
) -> dict[str, Lease]:
    """Return the leases after a holder was seen; one that another has taken over stays as it is."""
    seen = {shard: hold(leases.get(shard), epoch, utc=utc, holder=holder) for shard, epoch in mine.items()}
    return {**leases, **{shard: lease for shard, lease in seen.items() if lease}}


def release(lease: Lease | None, epoch: int, *, utc: float) -> Lease | None:
    """Return the lease as its holder leaves it."""
    return replace(lease, seen=utc, released=True) if lease and lease.epoch == epoch else lease


def is_stale(lease: Lease, utc: float) -> bool:
    """Return True if the lease may be forgotten."""
    return utc - lease.seen > (_RELEASED_SECONDS if lease.released else _IDLE_SECONDS)
