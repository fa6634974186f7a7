"""What a journal tells of the pairs of its shard, in few bytes for each: which have ended, and how.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import Status
from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.journal.reading import scan_tables
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store

Orders = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Ways = npt.NDArray[np.int16]

_COLUMNS = ["pair_id", "call_order", "failure_code", "model_version"]


@dataclass(frozen=True, slots=True)
class Known:
    """The pairs that have ended, by their call order, how many how, and what is to be called again.

    `reasons` says how many ended how: scored, or by failure code. `versions` are those of the face model that
    gave the scores.
    """

    ended: Orders
    counts: Counts
    reasons: Mapping[str, int]
    again: frozenset[str]
    versions: frozenset[str]

    def have_ended(self, orders: Orders) -> Flags:
        """Return which pairs, by their call order, are not to be called again."""
        return _are_among(orders, self.ended)


def read_known(store: Store, prefix: str) -> Known:
    """Return what a journal tells; a pair that has ended twice ended as the last entry says."""
    final, ways = [np.empty(0, np.int64)], [np.empty(0, np.int16)]
    names = [Status.SCORED.value]
    again: dict[int, str] = {}
    versions: set[str] = set()
    for table in scan_tables(store, prefix, columns=_COLUMNS):
        codes = table["failure_code"]
        is_final = pc.or_(pc.is_null(codes), are_final(codes))
        ends, rest = table.filter(is_final), table.filter(pc.invert(is_final))
        final.append(ends["call_order"].to_numpy())
        ways.append(_ways(ends["failure_code"], names))
        again |= zip(rest["call_order"].to_pylist(), rest["pair_id"].to_pylist(), strict=True)
        versions |= set(pc.unique(ends["model_version"]).drop_null().to_pylist())
    ended, last = np.unique(np.concatenate(final)[::-1], return_index=True)
    counts = np.bincount(np.concatenate(ways)[::-1][last], minlength=len(names)).tolist()
    is_open = ~_are_among(np.array([*again], np.int64), ended)
    left = frozenset(compress(again.values(), is_open.tolist()))
    return Known(
        ended,
        Counts(counts[0], sum(counts[1:]), len(left)),
        {name: count for name, count in zip(names, counts, strict=True) if count},
        left,
        frozenset(versions),
    )


def _ways(codes: pa.ChunkedArray, names: list[str]) -> Ways:
    """Return how pairs ended, as places in `names`, to which new codes are added; the first is a score."""
    found = pc.unique(codes).drop_null().cast(pa.string())
    names += [code for code in found.to_pylist() if code not in names]
    places = pc.index_in(codes.cast(pa.string()), value_set=pa.array(names))
    found_at: Ways = pc.fill_null(places, 0).cast(pa.int16()).to_numpy()
    return found_at


def _are_among(orders: Orders, ended: Orders) -> Flags:
    places = np.searchsorted(ended, orders)
    inside = places < len(ended)
    inside[inside] = ended[places[inside]] == orders[inside]
    return inside
