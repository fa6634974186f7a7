"""The books of a publication: what they count, and that they balance before anything is replaced."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import FailureClass, Status
from maskmatch.core.pricing import price_of
from maskmatch.pipeline.publish.settled import flags
from maskmatch.storage.sorted_hashes import text_hashes
from maskmatch.storage.spools import PARTS, ScatteredRecords

_FAILED = (FailureClass.BIOMETRIC, FailureClass.DATA, FailureClass.INFRASTRUCTURE)
"""Classes that rows have; a failure of policy stops the run instead."""
_OF_PUBLICATION = ("publication", "run_id")
"""Columns that differ though nothing has changed."""
_HASH = np.dtype(np.uint64)
Words = npt.NDArray[np.uint64]
_SHOWN = 5
_ROW_BITS = np.uint64(40)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Books:
    """Counts the rows of a publication and the calls of its run."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.rows = 0
        self.answered = 0
        """Rows with an answer of the service, of this run or an earlier one."""
        self.counts: Counter[str] = Counter()
        self._models: set[str] = set()
        self._answerers: set[str] = set()
        self._files: dict[str, int] = {}
        self._content = hashlib.sha256()
        self._row_ids, self._places = ScatteredRecords(_HASH), ScatteredRecords(_HASH)
        self._calls: Counter[str] = Counter()
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add_rows(self, table: pa.Table) -> None:
        """Count rows of outcomes; raise BooksError for a score that cannot be one."""
        self.rows += table.num_rows
        score = table["score"]
        has_score = pc.is_valid(score)
        _check_scores(table, has_score)
        self.answered += pc.sum(pc.or_(has_score, pc.is_valid(table["request_id"]))).as_py() or 0
        self._count(table["outcome"], "")
        self._count(table["failure_class"], "failed_")
        self.counts["undecided"] += int(flags(pc.and_(has_score, pc.is_null(table["decision"]))).sum())
        self.counts["open_failures"] += int(flags(table["is_open"]).sum())
        self._models |= set(pc.unique(table["model_version"].cast(pa.string())).drop_null().to_pylist())
        self._answerers |= set(pc.unique(table["answered_by"].cast(pa.string())).drop_null().to_pylist())
        self._note_places(table)
        self._note_content(table)

    def add_calls(self, journal: pa.Table) -> None:
        """Count the calls that the run itself has sent."""
        is_mine = pc.and_(pc.is_valid(journal["attempt"]), pc.equal(journal["run_id"], self._run_id))
        if not pc.any(is_mine).as_py():
            return
        mine = journal.filter(is_mine)
        billed = Counter(mine["billed"].to_pylist())
        self._calls.update(
            attempts=mine.num_rows, billed_calls=billed["yes"], maybe_billed_calls=billed["perhaps"]
        )
        if first := pc.min(mine["called_at"]).as_py():
            last = pc.max(mine["called_at"]).as_py()
            self._first = min(self._first or first, first)
            self._last = max(self._last or last, last)

    def totals(self) -> dict[str, Any]:
        """Return the sums, as columns of `runs`."""
        counts, calls = self.counts, self._calls
        names = ("attempts", "billed_calls", "maybe_billed_calls")
        return {
            **{each.value: counts[each.value] for each in Status},
            **{f"failed_{each.value}": counts[f"failed_{each.value}"] for each in _FAILED},
            "undecided": counts["undecided"],
            "open_failures": counts["open_failures"],
            "tried_to_acquire": counts[Status.SCORED] + counts[f"failed_{FailureClass.BIOMETRIC}"],
            **{name: calls[name] for name in names},
            "cost": float(price_of(calls["billed_calls"])),
            "model_versions": ", ".join(sorted(self._models)) or None,
            "answered_by": ", ".join(sorted(self._answerers)) or None,
            "first_called_at": self._first,
            "last_called_at": self._last,
        }

    def content(self, *facts: object) -> str:
        """Return a name of all rows and of some facts: what is published under it need not be again."""
        digest = self._content.copy()
        digest.update(repr(facts).encode())
        return digest.hexdigest()[:16]

    def check(self, *, manifest_rows: int, rows: Callable[[], Iterator[pa.Table]]) -> None:
        """Raise BooksError unless every row of the manifests is there once, by its place and by its id.

        `rows` gives the outcomes again, to name those that are there twice.
        """
        kinds = (("manifest row", self._places, self._places_in), ("row_id", self._row_ids, _row_ids_in))
        for what, hashes, hashes_in in kinds:
            if len(doubled := np.concatenate([_repeated(part) for part in hashes.parts()])):
                shown = ", ".join(islice(_pairs_with(doubled, rows(), hashes_in), _SHOWN))
                raise BooksError(f"{len(doubled):,} outcomes have the {what} of another (pairs {shown})")
        told = sum(self.counts[each.value] for each in Status)
        if self.rows != manifest_rows or told != manifest_rows:
            raise BooksError(
                f"the manifests have {manifest_rows:,} rows, the outcomes {self.rows:,}, of which {told:,} "
                "are scored, failed or skipped"
            )

    def _count(self, words: pa.ChunkedArray, prefix: str) -> None:
        for each in pc.value_counts(words.cast(pa.string())).to_pylist():
            if each["values"] is not None:
                self.counts[f"{prefix}{each['values']}"] += each["counts"]

    def _note_places(self, table: pa.Table) -> None:
        hashes, places = _row_ids_in(table), self._places_in(table)
        self._row_ids.append(hashes, _part_of(hashes))
        self._places.append(places, _part_of(places))

    def _places_in(self, table: pa.Table) -> Words:
        files = table["manifest_file"].combine_chunks()
        numbers = [self._files.setdefault(name, len(self._files)) for name in files.dictionary.to_pylist()]
        file = np.array(numbers, np.uint64)[files.indices.to_numpy()]
        return np.asarray((file << _ROW_BITS) | table["manifest_row"].to_numpy().astype(np.uint64))

    def _note_content(self, table: pa.Table) -> None:
        for batch in table.drop_columns([*_OF_PUBLICATION]).to_batches():
            self._content.update(batch.serialize())
            for column in batch.columns:
                if pa.types.is_dictionary(column.type):
                    self._content.update(repr(column.dictionary.to_pylist()).encode())


def _row_ids_in(table: pa.Table) -> Words:
    return text_hashes(table["row_id"].to_pylist())


def _repeated(hashes: Words) -> Words:
    """Return what stands more than once, as often as it is too often."""
    ordered = np.sort(hashes)
    return np.asarray(ordered[1:][ordered[1:] == ordered[:-1]])


def _pairs_with(
    hashes: Words, rows: Iterator[pa.Table], hashes_in: Callable[[pa.Table], Words]
) -> Iterator[str]:
    for table in rows:
        yield from map(str, table["pair_id"].filter(pa.array(np.isin(hashes_in(table), hashes))).to_pylist())


def _part_of(hashes: Words) -> npt.NDArray[np.int64]:
    with np.errstate(over="ignore"):
        return ((hashes * _SPREAD) >> np.uint64(64 - (PARTS - 1).bit_length())).astype(np.int64)


def _check_scores(table: pa.Table, has_score: pa.ChunkedArray) -> None:
    is_scored = pc.equal(table["outcome"].cast(pa.string()), Status.SCORED.value)
    score = table["score"]
    in_range = pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 100.0))
    is_wrong = pc.or_(
        pc.xor(is_scored, has_score),
        pc.and_(has_score, pc.invert(pc.fill_null(in_range, True))),
    )
    if pc.any(is_wrong).as_py():
        first = table.filter(is_wrong).slice(0, 1).select(["pair_id", "score", "outcome"]).to_pylist()[0]
        raise BooksError(
            f"pair {first['pair_id']} is {first['outcome']} and has a score outside 0-100: {first['score']}"
        )
