"""Third step: rows that are bad because of others: a pair id of two comparisons, a row id of two rows.

A pair id with the same images and quality control is one pair however often it stands; with others, no row
with it is a pair. Nor is any row with a row id that stands twice. The order of rows decides nothing.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from maskmatch.core.pairs import SUBJECT_COLUMNS, BadRow, Place
from maskmatch.core.planning import repeated_pair, repeated_row_id
from maskmatch.pipeline.plan.reading import ReadRows, numbered
from maskmatch.pipeline.plan.row_ids import begins_of, by_hash

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SHOWN = 3
"""Rows of a repeated pair id that are named to the others."""
_AT_ONCE = 1000
_PLACE = ["manifest_file", "manifest_row", "manifest_record", "manifest_line"]
_SAYS = ["pair_id", *SUBJECT_COLUMNS, "attributes"]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows, in order, each with the number of rows that share its id, and the first of them."""

    rows: Numbers
    counts: Numbers
    first: Numbers
    """The first `_SHOWN` rows with the same pair id, -1 where there are fewer; none for row ids."""


def bad_for_others(rows: ReadRows) -> Numbers:
    """Add the rows that are bad because of others to the bad rows; return their numbers, in order."""
    pairs = _of_pair_ids(rows)
    row_ids = _without(_of_row_ids(rows), pairs.rows)
    places = _places(rows, np.unique(pairs.first[pairs.first >= 0])) if len(pairs.rows) else {}
    for number, place, record in _records(rows, pairs.rows):
        shown = [places[row] for row in pairs.first[number].tolist() if row >= 0]
        others = [each for each in shown if each != place]
        count = int(pairs.counts[number])
        rows.bad_rows.add([repeated_pair(place, _says(record), rows=count, others=others)])
    for number, place, record in _records(rows, row_ids.rows):
        rows.bad_rows.add([_bad_row_id(place, record, int(row_ids.counts[number]))])
    return np.sort(np.concatenate([pairs.rows, row_ids.rows]))


def _bad_row_id(place: Place, record: dict[str, Any], count: int) -> BadRow:
    return repeated_row_id(place, _says(record), row_id=record["row_id"] or "", rows=count)


def _says(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says of itself, as `core.pairs.sound_values`."""
    return {name: record[name] for name in _SAYS} | {"attributes": tuple(record["attributes"])}


def _of_pair_ids(rows: ReadRows) -> Repeats:
    """Return the rows whose pair id stands for more than one comparison."""
    found = [_conflicts(part) for part in rows.names.parts()]
    return _joined(found, _SHOWN)


def _conflicts(part: "npt.NDArray[np.void]") -> Repeats:
    part = by_hash(part, "high", "low", "row")
    begins = begins_of(part["high"], part["low"])
    differs = part["asks"] != part["asks"][begins]
    begins_of_bad = np.unique(begins[differs])
    is_bad = np.isin(begins, begins_of_bad)
    places = np.flatnonzero(is_bad)
    starts = begins[places]
    sizes = np.bincount(starts, minlength=len(part))[starts]
    first = starts[:, None] + np.arange(_SHOWN)
    is_there = np.arange(_SHOWN) < sizes[:, None]
    shown = np.where(is_there, part["row"][np.minimum(first, max(len(part) - 1, 0))], -1)
    return Repeats(part["row"][places], sizes, shown)


def _of_row_ids(rows: ReadRows) -> Repeats:
    """Return the rows whose row id another row brings, too."""
    return _joined([_twice(part) for part in rows.brought_ids.parts(keep=True)], 0)


def _twice(part: "npt.NDArray[np.void]") -> Repeats:
    part = by_hash(part, "high", "low", "row")
    begins = begins_of(part["high"], part["low"])
    sizes = np.bincount(begins, minlength=len(part))[begins]
    bad = sizes > 1
    return Repeats(part["row"][bad], sizes[bad], np.empty((int(bad.sum()), 0), np.int64))


def is_among(rows: Numbers, sorted_rows: Numbers) -> Flags:
    """Return which rows stand in an ordered list of rows."""
    if not len(sorted_rows):
        return np.zeros(len(rows), bool)
    places = np.minimum(np.searchsorted(sorted_rows, rows), len(sorted_rows) - 1)
    return np.asarray(sorted_rows[places] == rows)


def _joined(parts: list[Repeats], shown: int) -> Repeats:
    none = Repeats(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, shown), np.int64))
    every = [none, *parts]
    rows = np.concatenate([each.rows for each in every])
    order = np.argsort(rows)
    counts = np.concatenate([each.counts for each in every])
    first = np.concatenate([each.first for each in every])
    return Repeats(rows[order], counts[order], first[order])


def _without(repeats: Repeats, rows: Numbers) -> Repeats:
    keep = ~is_among(repeats.rows, rows)
    return Repeats(repeats.rows[keep], repeats.counts[keep], repeats.first[keep])


def _places(rows: ReadRows, wanted: Numbers) -> dict[int, Place]:
    return {int(wanted[number]): place for number, place, _ in _records(rows, wanted)}


def _records(rows: ReadRows, wanted: Numbers) -> Iterator[tuple[int, Place, dict[str, Any]]]:
    """Yield for each of the wanted rows, in their order, its number among them, place and what it says."""
    if not len(wanted):
        return
    for first, block in numbered(rows.blocks.batches([*_PLACE, *_SAYS, "row_id"])):
        begin, end = np.searchsorted(wanted, (first, first + block.num_rows)).tolist()
        for start in range(begin, end, _AT_ONCE):
            some = wanted[start : min(start + _AT_ONCE, end)] - first
            for number, record in enumerate(block.take(some).to_pylist(), start):
                yield number, _place(record, rows.files), record


def _place(record: dict[str, Any], files: list[str]) -> Place:
    return Place(
        file=files[record["manifest_file"]],
        record=record["manifest_record"],
        line=record["manifest_line"],
        is_by_line=record["manifest_row"] == record["manifest_line"],
    )
