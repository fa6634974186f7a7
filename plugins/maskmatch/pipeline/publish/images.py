"""Rows of `images`: the rows of outcomes counted by the content of their images, out of core.

Each group of rows is counted at once; the counts lie in parts on disk, by a hash of the content, and are
added up part by part.
"""

import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.outcomes import FailureClass, Side, Status
from maskmatch.pipeline.publish.outcomes import Rows
from maskmatch.pipeline.publish.settled import Places
from maskmatch.pipeline.publish.stamp import Stamp, stamped
from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.schemas import IMAGES
from maskmatch.storage.spools import PARTS, ScatteredTables

_SUMS = [
    "as_reference", "as_probe", "scored", "failed", "failed_by_it", "failed_biometric", "mated_scored",
    "mated_score", "non_mated_scored", "non_mated_score",
]  # fmt: skip
_VERDICT = ["failure_class", "failure_code"]
_COUNTED = pa.schema(
    [
        ("content", pa.string()),
        ("image_id", pa.string()),
        ("size", pa.int64()),
        ("failure_class", pa.string()),
        ("failure_code", pa.string()),
        *((name, pa.float64() if name.endswith("_score") else pa.int64()) for name in _SUMS),
    ]
)
_AT_ONCE = 65_536
"""Rows that are counted together: the more, the fewer counts lie on disk."""


class ImageCounts:
    """Counts rows of outcomes by image."""

    def __init__(self) -> None:
        self._parts = ScatteredTables(_COUNTED)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def add(self, rows: Rows) -> None:
        """Count rows."""
        self._waiting += [_of_side(rows, side) for side in Side]
        self._waiting_rows += rows.table.num_rows
        if self._waiting_rows >= _AT_ONCE:
            self._count()

    def rows(self, stamp: Stamp) -> Iterator[pa.Table]:
        """Yield the rows of the table; once."""
        self._count()
        for part in range(PARTS):
            counted = _added_up(self._parts.take(part))
            if counted.num_rows:
                yield _rows(counted, stamp)

    def _count(self) -> None:
        if not self._waiting_rows:
            return
        counted = _added_up(pa.concat_tables(self._waiting))
        self._waiting, self._waiting_rows = [], 0
        if counted.num_rows:
            contents = counted["content"].cast(pa.binary()).to_pylist()
            places = np.fromiter(map(zlib.crc32, contents), np.int64, len(contents)) % PARTS
            (batch,) = counted.combine_chunks().to_batches()
            self._parts.append(batch, places, PARTS)


def _of_side(rows: Rows, side: Side) -> pa.Table:
    """Return what rows tell of their images on one side."""
    table = rows.table
    is_scored, is_failed = (pc.equal(table["outcome"], word.value) for word in (Status.SCORED, Status.FAILED))
    is_by_it = pc.and_(is_failed, _is(table["failed_side"], side.value))
    is_verdict = pc.and_(is_by_it, are_final(table["failure_code"]))
    nothing = pa.scalar(None, pa.string())
    mated = pc.and_(is_scored, pc.fill_null(table["is_mated"], False))
    non_mated = pc.and_(is_scored, pc.invert(pc.fill_null(table["is_mated"], True)))
    score = pc.fill_null(table["score"].cast(pa.float64()), 0.0)
    one, other = np.ones(len(table), np.int64), np.zeros(len(table), np.int64)
    as_reference, as_probe = (one, other) if side is Side.REFERENCE else (other, one)
    columns = {
        "content": table[f"{side}_content"],
        "image_id": table[f"{side}_id"],
        "size": rows.sizes.reference if side is Side.REFERENCE else rows.sizes.probe,
        "failure_class": pc.if_else(is_verdict, table["failure_class"].cast(pa.string()), nothing),
        "failure_code": pc.if_else(is_verdict, table["failure_code"].cast(pa.string()), nothing),
        "as_reference": as_reference,
        "as_probe": as_probe,
        "scored": is_scored,
        "failed": is_failed,
        "failed_by_it": is_by_it,
        "failed_biometric": _is(table["failure_class"], FailureClass.BIOMETRIC.value),
        "mated_scored": mated,
        "mated_score": pc.if_else(mated, score, 0.0),
        "non_mated_scored": non_mated,
        "non_mated_score": pc.if_else(non_mated, score, 0.0),
    }
    found = pa.table({field.name: _cast(columns[field.name], field.type) for field in _COUNTED})
    return found.filter(pc.is_valid(found["content"])) if found["content"].null_count else found


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.array(column) if isinstance(column, np.ndarray) else column.cast(kind)


def _is(words: pa.ChunkedArray, word: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(words, word), False)


def _added_up(counts: pa.Table) -> pa.Table:
    """Return one row for each content: sums, and of names, sizes and verdicts one that all agree on.

    Arrow's own groups take ten times as long, nearly all of it for the least and greatest of texts.
    """
    coded = counts["content"].combine_chunks().dictionary_encode()
    places, number = np.asarray(coded.indices), len(coded.dictionary)
    sums = {name: np.bincount(places, np.asarray(counts[name]), number) for name in _SUMS}
    size = np.full(number, -1)
    np.maximum.at(size, places, np.asarray(pc.fill_null(counts["size"], -1)))
    columns = {
        "content": coded.dictionary,
        "image_id": _least(counts["image_id"], places, number),
        "size": pa.array(size, mask=size < 0),
        **{name: _greatest(counts[name], places, number) for name in _VERDICT},
        **{name: pa.array(each).cast(_COUNTED.field(name).type) for name, each in sums.items()},
    }
    return pa.table([columns[name] for name in _COUNTED.names], schema=_COUNTED)


def _least(names: pa.ChunkedArray, places: Places, number: int) -> pa.Array:
    """Return the first name, by its letters, of each place; nearly all have one."""
    rows = np.zeros(number, np.int64)
    rows[places[::-1]] = np.arange(len(places))[::-1]
    first = names.take(pa.array(rows)).combine_chunks()
    others = np.flatnonzero(np.asarray(pc.not_equal(names, first.take(pa.array(places)))))
    if not len(others):
        return first
    found = first.to_pylist()
    for place, name in zip(places[others].tolist(), names.take(pa.array(others)).to_pylist(), strict=True):
        found[place] = min(found[place], name)
    return pa.array(found, pa.string())


def _greatest(words: pa.ChunkedArray, places: Places, number: int) -> pa.Array:
    """Return the last word, by its letters, of each place; few have any."""
    rows = np.flatnonzero(np.asarray(pc.is_valid(words)))
    found: dict[int, str] = {}
    for place, word in zip(places[rows].tolist(), words.take(pa.array(rows)).to_pylist(), strict=True):
        found[place] = max(found.get(place, ""), word)
    chosen = np.zeros(number, np.int64)
    chosen[[*found]] = np.arange(len(found))
    is_empty = np.ones(number, bool)
    is_empty[[*found]] = False
    return pa.array([*found.values()], pa.string()).take(pa.array(chosen, mask=is_empty))


def _rows(counted: pa.Table, stamp: Stamp) -> pa.Table:
    columns = {name: counted[name] for name in IMAGES.names if name in counted.column_names}
    for pairs in ("mated", "non_mated"):
        calls = counted[f"{pairs}_scored"]
        known = pc.if_else(pc.greater(calls, 0), calls, pa.scalar(None, pa.int64()))
        columns[f"{pairs}_score_mean"] = pc.divide(counted[f"{pairs}_score"], known.cast(pa.float64()))
    return stamped(columns, IMAGES, stamp, len(counted))
