"""The fence: only the newest try of a shard may pay.

Each try takes the lease of its shard and with it the next epoch. A lease that was given up keeps its
epoch for a day, so that a try that wakes up late still meets the fence.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

_IDLE_SECONDS = 7 * 86400.0
_RELEASED_SECONDS = 86400.0


class Lease(msgspec.Struct, frozen=True):
    """Who may work at a shard; `seen` is in seconds since 1970."""

    epoch: int
    seen: float
    released: bool = False


def take(leases: Mapping[str, Lease], shard: str, *, at_least: int, utc: float) -> Lease:
    """Return the lease of the next try of a shard."""
    kept = leases[shard].epoch if shard in leases else 0
    return Lease(max(kept + 1, at_least), utc)


def hold(lease: Lease | None, epoch: int, *, utc: float) -> Lease | None:
    """Return the lease as it is after its holder was seen, None when another has taken it over.

    A store that lost its data knows no lease: the first that comes has it, until a newer one comes.
    """
    if lease and epoch < lease.epoch:
        return None
    return Lease(epoch, utc)


def release(lease: Lease | None, epoch: int, *, utc: float) -> Lease | None:
    """Return the lease as its holder leaves it."""
    return replace(lease, seen=utc, released=True) if lease and lease.epoch == epoch else lease


def is_stale(lease: Lease, utc: float) -> bool:
    """Return True if the lease may be forgotten."""
    return utc - lease.seen > (_RELEASED_SECONDS if lease.released else _IDLE_SECONDS)
