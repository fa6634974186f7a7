"""What a journal tells of the pairs of its shard, in few bytes for each: which have ended, and how.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.journal.reading import scan_tables
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store

Orders = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_COLUMNS = ["pair_id", "call_order", "failure_code", "model_version"]


@dataclass(frozen=True, slots=True)
class Known:
    """The pairs that have ended, by their call order, how many how, and what is to be called again.

    `versions` are those of the face model that gave the scores.
    """

    ended: Orders
    counts: Counts
    again: frozenset[str]
    versions: frozenset[str]

    def have_ended(self, orders: Orders) -> Flags:
        """Return which pairs, by their call order, are not to be called again."""
        return _are_among(orders, self.ended)


def read_known(store: Store, prefix: str) -> Known:
    """Return what a journal tells; a pair that has ended twice ended as the last entry says."""
    final, failed = [np.empty(0, np.int64)], [np.empty(0, bool)]
    again: dict[int, str] = {}
    versions: set[str] = set()
    for table in scan_tables(store, prefix, columns=_COLUMNS):
        codes = table["failure_code"]
        is_final = pc.or_(pc.is_null(codes), are_final(codes))
        ends, rest = table.filter(is_final), table.filter(pc.invert(is_final))
        final.append(ends["call_order"].to_numpy())
        failed.append(pc.is_valid(ends["failure_code"]).to_numpy())
        again |= zip(rest["call_order"].to_pylist(), rest["pair_id"].to_pylist(), strict=True)
        versions |= set(pc.unique(ends["model_version"]).drop_null().to_pylist())
    orders, is_failed = np.concatenate(final)[::-1], np.concatenate(failed)[::-1]
    ended, last = np.unique(orders, return_index=True)
    lost = int(is_failed[last].sum())
    is_open = ~_are_among(np.array([*again], np.int64), ended)
    names = frozenset(compress(again.values(), is_open.tolist()))
    return Known(ended, Counts(len(ended) - lost, lost, len(names)), names, frozenset(versions))


def _are_among(orders: Orders, ended: Orders) -> Flags:
    places = np.searchsorted(ended, orders)
    inside = places < len(ended)
    inside[inside] = ended[places[inside]] == orders[inside]
    return inside
