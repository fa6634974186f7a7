"""Fifth step: the order of calls, of which any beginning is a sample of the manifest.

Each shard holds a share of the comparisons by their hash. In each, the n-th of so many calls of a stratum
(`is_mated` and one attribute) stands at (n + 1/2) / so many of the way, in the order of the hash: so every
beginning of a shard has of each stratum its share, up to one call, and which those are is left to the hash.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

import numpy as np
import numpy.typing as npt

from maskmatch.pipeline.plan.settling import DECISIONS, Kind, Settled, position_of
from maskmatch.storage.spools import PARTS, ScatteredRecords

PLACED = np.dtype([*DECISIONS.descr, ("position", np.float64)])
"""The same with the place in the order of calls, from 0 to 1."""
STRATA = 1 << 16


def shard_of(orders: "npt.NDArray[np.uint64]", shards: int) -> "npt.NDArray[np.int64]":
    """Return in which of so many shards a comparison is called."""
    return ((orders & np.uint64(0xFFFFFFFF)) % np.uint64(shards)).astype(np.int64)


def rows_per_part(rows: int) -> int:
    """Return how many rows, by their numbers, lie in one part of what `place` returns."""
    return max(1, -(-rows // PARTS))


def place(settled: Settled, *, shards: int, rows: int) -> ScatteredRecords:
    """Give each row its place in the order of calls; return all in parts by their numbers."""
    totals = np.zeros(shards * STRATA, np.int64)
    for part in settled.decisions.parts(keep=True):
        totals += np.bincount(
            _strata(part.take(np.flatnonzero(part["kind"] == Kind.CALL)), shards), minlength=len(totals)
        )
    before = np.zeros_like(totals)
    placed = ScatteredRecords(PLACED)
    for part in settled.decisions.parts():
        found = np.empty(len(part), PLACED)
        for name in DECISIONS.names or ():
            found[name] = part[name]
        found["position"] = position_of(part["order"])
        called = np.flatnonzero(part["kind"] == Kind.CALL)
        called = called[np.argsort(part["head"][called])]
        found["position"][called] = _positions(part.take(called), shards, totals, before)
        followers = np.flatnonzero(np.isin(part["kind"], (Kind.DEDUP, Kind.SWAPPED)))
        heads = called[np.searchsorted(part["head"][called], part["head"][followers])]
        found["position"][followers] = found["position"][heads]
        placed.append(found, found["row"] // rows_per_part(rows))
    return placed


def _strata(part: "npt.NDArray[np.void]", shards: int) -> "npt.NDArray[np.int64]":
    return np.asarray(shard_of(part["order"], shards) * STRATA + part["stratum"])


def _positions(
    calls: "npt.NDArray[np.void]",
    shards: int,
    totals: "npt.NDArray[np.int64]",
    before: "npt.NDArray[np.int64]",
) -> "npt.NDArray[np.float64]":
    """Return where calls stand, of which so many of each stratum came before; count these, too."""
    strata = _strata(calls, shards)
    order = np.lexsort((calls["head"], calls["order"], strata))
    ordered = strata[order]
    is_new = np.ones(len(ordered), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    begins = np.maximum.accumulate(np.where(is_new, np.arange(len(ordered)), 0))
    positions = np.empty(len(calls), np.float64)
    ranks = before[ordered] + np.arange(len(ordered)) - begins
    positions[order] = (ranks + 0.5) / totals[ordered]
    before += np.bincount(strata, minlength=len(before))
    return positions
