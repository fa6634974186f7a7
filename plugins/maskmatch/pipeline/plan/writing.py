"""Last step: the parts of the order, sorted one by one, become the objects of the shards.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections import defaultdict
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import Source
from maskmatch.core.planning import Shard
from maskmatch.core.side_steps import Behind
from maskmatch.pipeline.plan.hashes import fixed_bytes, hexadecimal
from maskmatch.pipeline.plan.ordering import shard_of
from maskmatch.pipeline.plan.row_ids import made_row_id
from maskmatch.pipeline.plan.settling import Kind
from maskmatch.storage.object_stores import Store
from maskmatch.storage.pair_columns import FINGERPRINT_BYTES, PLANNED_COLUMNS
from maskmatch.storage.plans import KNOWN, REST, shard_key
from maskmatch.storage.spools import ParquetFile

_SOURCES = {Kind.DEDUP: Source.DEDUP, Kind.SWAPPED: Source.SWAPPED, Kind.SKIPPED: Source.PREFLIGHT}
_SOURCE_NAMES = pa.array([_SOURCES.get(kind) for kind in Kind], pa.string())
_CALLS, _REST, _KNOWN = range(3)
_OBJECT_OF = np.array([_CALLS, _REST, _REST, _REST, _KNOWN])
"""In which object of a shard a row stands, by its kind."""


class ShardWriter:
    """Writes the rows of shards, part by part of the order, to disk, and in the end to a store.

    A thread packs one part while the next one is sorted.
    """

    def __init__(self, files: list[str], *, shards: int) -> None:
        self._files = pa.array(files, pa.string())
        self._shards = shards
        self._calls = np.zeros(shards, np.int64)
        self._written: dict[tuple[int, int], ParquetFile] = {}
        self._behind = Behind("plan-writing")

    def add(self, rows: pa.Table, answers: pa.Table) -> None:
        """Write the rows of a part of the order, and the answers that were taken over for them."""
        if not rows.num_rows:
            return
        rows, shards, objects = _sorted(rows, self._shards)
        planned, heads = self._planned(rows), _heads(rows)
        pieces: list[tuple[int, int, pa.Table]] = []
        ends = np.flatnonzero(np.diff(shards * 3 + objects)) + 1
        for first, last in zip([0, *ends], [*ends, len(shards)], strict=True):
            some, shard, kind = slice(first, last), int(shards[first]), int(objects[first])
            table = planned[some]
            if kind == _CALLS:
                table = self._called(table, shard)
            elif kind == _REST:
                table = _rest(table, rows[some], heads)
            else:
                table = _known(table, rows[some], answers)
            pieces.append((shard, kind, table))
        self._behind.do(self._append, pieces)

    def put(self, store: Store, folder: str) -> tuple[Shard, ...]:
        """Put all objects into a folder of a store; return the shards that have rows."""
        self._behind.wait()
        counts: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for (number, kind), file in sorted(self._written.items()):
            shard = Shard(shard_key(folder, number), 0)
            key = (shard.key, shard.rest_key, shard.known_key)[kind]
            counts[number][kind] = file.rows
            file.finish(partial(store.put_file, key))
        return tuple(
            Shard(shard_key(folder, number), *(found.get(kind, 0) for kind in (_CALLS, _REST, _KNOWN)))
            for number, found in sorted(counts.items())
        )

    def _append(self, pieces: list[tuple[int, int, pa.Table]]) -> None:
        for shard, kind, table in pieces:
            if (shard, kind) not in self._written:
                self._written[shard, kind] = ParquetFile(table.schema)
            self._written[shard, kind].append(table)

    def _planned(self, rows: pa.Table) -> pa.Table:
        """Return rows with the columns of a shard, none of them called yet."""
        columns = {name: rows[name] for name in PLANNED_COLUMNS.names if name in rows.column_names}
        columns["call_order"] = pa.nulls(rows.num_rows, pa.int64())
        columns["row_id"] = _row_ids(rows)
        columns["manifest_file"] = self._files.take(rows["manifest_file"].combine_chunks())
        return pa.table([columns[name] for name in PLANNED_COLUMNS.names], schema=PLANNED_COLUMNS)

    def _called(self, planned: pa.Table, shard: int) -> pa.Table:
        places = self._calls[shard] + np.arange(planned.num_rows)
        self._calls[shard] += planned.num_rows
        return planned.set_column(0, PLANNED_COLUMNS.field(0), pa.array(places * self._shards + shard))


def _sorted(rows: pa.Table, shards: int) -> "tuple[pa.Table, npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Return rows by shard, object and order of calls, and the first two of each."""
    shard = shard_of(rows["order"].to_numpy(), shards)
    objects = _OBJECT_OF[rows["kind"].to_numpy()]
    keys = [rows[name].to_numpy() for name in ("row", "kind", "head", "order", "position")]
    order = np.lexsort((*keys, objects, shard))
    return rows.take(pa.array(order)).combine_chunks(), shard[order], objects[order]


def _heads(rows: pa.Table) -> pa.Table:
    """Return number and pair id of the rows that are called, by number."""
    called = rows.filter(pc.equal(rows["kind"], int(Kind.CALL))).select(["row", "pair_id"])
    return called.take(pa.array(np.argsort(called["row"].to_numpy())))


def _rest(planned: pa.Table, rows: pa.Table, heads: pa.Table) -> pa.Table:
    """Return rows that are settled without a call, and by which pair; a further row of it needs no name."""
    places = np.searchsorted(heads["row"].to_numpy(), rows["head"].to_numpy())
    is_settled = pc.not_equal(rows["kind"], int(Kind.SKIPPED))
    chosen = pc.if_else(is_settled, pa.chunked_array([pa.array(places)]), None)
    settled_by = heads["pair_id"].take(chosen)
    canonical = pc.if_else(pc.not_equal(settled_by, rows["pair_id"]), settled_by, None)
    sources = _SOURCE_NAMES.take(rows["kind"].combine_chunks())
    return pa.table([*planned.columns, sources, canonical], schema=REST)


def _known(planned: pa.Table, rows: pa.Table, answers: pa.Table) -> pa.Table:
    """Return rows with the answer that was taken over for their comparison."""
    heads = answers["head"].to_numpy()
    order = np.argsort(heads)
    places = order[np.searchsorted(heads[order], rows["head"].to_numpy())]
    found = answers.drop_columns(["head"]).take(pa.array(places))
    return pa.table([*planned.columns, *found.columns], schema=KNOWN)


def _row_ids(rows: pa.Table) -> pa.Array:
    """Return the ids that rows bring, and for others those that are made of their fingerprints."""
    data = fixed_bytes(rows["fingerprint"].combine_chunks())
    fingerprints = np.frombuffer(data, np.uint8).reshape(-1, FINGERPRINT_BYTES)
    made = hexadecimal(fingerprints)
    ordinals = rows["ordinal"].to_numpy()
    again = np.flatnonzero(ordinals)
    if len(again):
        repeated = zip(fingerprints[again], ordinals[again].tolist(), strict=True)
        names = [made_row_id(each.tobytes(), ordinal) for each, ordinal in repeated]
        made = pc.replace_with_mask(made, pa.array(ordinals > 0), pa.array(names, pa.string()))
    return pc.coalesce(rows["row_id"].combine_chunks(), made)
