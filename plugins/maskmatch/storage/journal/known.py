"""What a journal tells of the pairs of its shard, in few bytes for each: which have ended, and how.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import FINAL_FAILURES
from maskmatch.storage.journal.reading import scan_tables
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store

_COLUMNS = ["pair_id", "call_order", "failure_code", "model_version"]


@dataclass(frozen=True, slots=True)
class Known:
    """The pairs that have ended, by their call order, how many how, and what is to be called again.

    `versions` are those of the face model that gave the scores.
    """

    ended: "array[int]"
    counts: Counts
    again: frozenset[str]
    versions: frozenset[str]

    def has_ended(self, call_order: int) -> bool:
        """Return True if a pair is not to be called again."""
        place = bisect_left(self.ended, call_order)
        return place < len(self.ended) and self.ended[place] == call_order


def read_known(store: Store, prefix: str) -> Known:
    """Return what a journal tells; a pair that has ended twice ended as the last entry says."""
    final, failed = [np.empty(0, np.int64)], [np.empty(0, bool)]
    again: dict[int, str] = {}
    versions: set[str] = set()
    for table in scan_tables(store, prefix, columns=_COLUMNS):
        codes = table["failure_code"]
        is_final = pc.or_(pc.is_null(codes), pc.is_in(codes, value_set=pa.array(sorted(FINAL_FAILURES))))
        ends, rest = table.filter(is_final), table.filter(pc.invert(is_final))
        final.append(ends["call_order"].to_numpy())
        failed.append(pc.is_valid(ends["failure_code"]).to_numpy())
        again |= zip(rest["call_order"].to_pylist(), rest["pair_id"].to_pylist(), strict=True)
        versions |= set(pc.unique(ends["model_version"]).drop_null().to_pylist())
    orders, is_failed = np.concatenate(final)[::-1], np.concatenate(failed)[::-1]
    ended, last = np.unique(orders, return_index=True)
    lost = int(is_failed[last].sum())
    known = array("q", ended.astype(np.int64).tobytes())
    unfinished = Known(known, Counts(), frozenset(), frozenset())
    names = frozenset(name for order, name in again.items() if not unfinished.has_ended(order))
    return Known(known, Counts(len(ended) - lost, lost, len(names)), names, frozenset(versions))
