"""Records become rows that are pairs, and bad rows: the rules of `core.pairs` over whole columns.

Only records in which a column is in doubt go through the row function, one by one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.pairs import (
    ATTRIBUTE_PREFIX,
    BOOLEANS,
    COLUMNS,
    IMAGE_COLUMNS,
    QUALITIES,
    UNKNOWN,
    BadRow,
    Pair,
    Place,
    bad_row,
    parse_row,
    sound_values,
)
from maskmatch.storage.manifests.csv_lines import Mask
from maskmatch.storage.manifests.doubts import doubtful_values, without_own_address
from maskmatch.storage.manifests.records import Records
from maskmatch.storage.manifests.rows import (
    ROWS,
    attribute_maps,
    batch_of_pairs,
    fingerprints,
    with_pair_ids,
)

_UNKNOWN = pa.array(sorted(UNKNOWN), pa.string())
_LONGEST_UNKNOWN = max(map(len, UNKNOWN))
_SPELT = {how(word): value for word, value in BOOLEANS.items() for how in (str, str.upper, str.title)}
_BOOLEANS = pa.array(list(_SPELT), pa.string()), pa.array(list(_SPELT.values()), pa.bool_())
_QUALITIES = pa.array(list(QUALITIES), pa.string()), pa.array(list(QUALITIES.values()), pa.int8())


class Checker:
    """Checks the records of one file of a source; `is_by_line` says whether a line finds a row."""

    def __init__(self, file: str, source: SourcePlace, *, is_by_line: bool) -> None:
        self._file = file
        self._source = source
        self._is_by_line = is_by_line

    def check(self, records: Records, *, lacks_pair_id: bool) -> tuple[pa.RecordBatch, list[BadRow]]:
        """Return the rows that are pairs, and those that are none.

        With `lacks_pair_id` a row whose pair id is null, and not just empty, gets one.
        """
        texts = {name: cleaned(column) for name, column in records.columns.items()}
        for name in COLUMNS:
            if name not in texts:
                texts[name] = pa.nulls(records.count, pa.string())
        for name in IMAGE_COLUMNS:
            texts[name] = without_own_address(texts[name], self._source)
        doubt = np.zeros(records.count, bool)
        for name, column in texts.items():
            if column.null_count < len(column):
                doubt |= doubtful_values(name, column, self._source)
        columns: dict[str, Any] = dict(texts)
        columns["is_mated"], wrong = _chosen(texts["is_mated"], *_BOOLEANS)
        doubt |= wrong
        columns["quality_control"], wrong = _chosen(texts["quality_control"], *_QUALITIES)
        doubt |= wrong
        for name in IMAGE_COLUMNS:
            doubt |= _are_null(texts[name])
        without_id = _are_null(records.columns.get("pair_id", texts["pair_id"])) & lacks_pair_id
        doubt |= _are_null(texts["pair_id"]) & ~without_id
        bad = self._bad_rows(records)
        faulty = self._faulty(records, texts)
        bad += faulty.values()
        looked_at, more = self._look_at(records, texts, doubt, set(faulty), without_id)
        doubt[list(faulty)] = True
        rows = _in_order(self._batch(records, columns, ~doubt), looked_at)
        return rows, sorted([*bad, *more], key=lambda row: row.manifest_record or 0)

    def _place(self, records: Records, row: int) -> Place:
        line = None if records.lines is None else int(records.lines[row])
        return Place(
            file=self._file, record=int(records.records[row]), line=line, is_by_line=self._is_by_line
        )

    def _bad_rows(self, records: Records) -> list[BadRow]:
        return [
            bad_row(
                Place(file=self._file, record=no.record, line=no.line, is_by_line=self._is_by_line),
                code=no.code,
                why=no.why,
                column=no.column,
            )
            for no in records.malformed
        ]

    def _faulty(self, records: Records, texts: Mapping[str, pa.Array]) -> dict[int, BadRow]:
        return {
            fault.row: bad_row(
                self._place(records, fault.row),
                code=fault.code,
                why=fault.why,
                column=fault.column,
                says=sound_values({name: texts[name][fault.row].as_py() for name in texts}),
            )
            for fault in reversed(records.faults)
        }

    def _look_at(
        self,
        records: Records,
        texts: dict[str, pa.Array],
        doubt: Mask,
        faulty: set[int],
        without_id: Mask,
    ) -> tuple[pa.RecordBatch, list[BadRow]]:
        """Send the records in doubt through the row function."""
        places = [place for place in np.flatnonzero(doubt).tolist() if place not in faulty]
        wanted = pa.array(places, pa.int64())
        values = {name: column.take(wanted).to_pylist() for name, column in texts.items()}
        pairs, bad = [], []
        for number, row in enumerate(places):
            fields = {name: column[number] for name, column in values.items()}
            if without_id[row]:
                del fields["pair_id"]
            place = self._place(records, row)
            found = parse_row(fields, place, self._source)
            if isinstance(found, Pair):
                pairs.append((place.record, place.line, found))
            else:
                bad.append(found)
        return batch_of_pairs(pairs), bad

    def _batch(self, records: Records, columns: dict[str, pa.Array], good: Mask) -> pa.RecordBatch:
        keep = pa.array(good)
        kept = {name: column.filter(keep) for name, column in columns.items()}
        count = int(good.sum())
        kept["pair_id"] = with_pair_ids(kept["pair_id"], kept)
        kept["manifest_record"] = pa.array(records.records[good], pa.int64())
        lines = None if records.lines is None else records.lines[good]
        kept["manifest_line"] = pa.nulls(count, pa.int64()) if lines is None else pa.array(lines, pa.int64())
        by_line = self._is_by_line and lines is not None
        kept["manifest_row"] = kept["manifest_line" if by_line else "manifest_record"]
        attributes = {name: column for name, column in kept.items() if name.startswith(ATTRIBUTE_PREFIX)}
        kept["attributes"] = attribute_maps(attributes, count)
        kept["fingerprint"] = fingerprints(kept)
        return pa.RecordBatch.from_arrays([kept[name] for name in ROWS.names], schema=ROWS)


def _are_null(column: pa.Array) -> Mask:
    null: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return null


def cleaned(column: pa.Array) -> pa.Array:
    """Return texts without blanks around them, and null for what stands for an unknown value."""
    column = pc.utf8_trim_whitespace(column)
    if (pc.min(pc.binary_length(column)).as_py() or 0) > _LONGEST_UNKNOWN:
        return column
    unknown = pc.is_in(column, _UNKNOWN)
    return pc.if_else(unknown, pa.scalar(None, pa.string()), column)


def _chosen(column: pa.Array, words: pa.Array, values: pa.Array) -> tuple[pa.Array, Mask]:
    """Return the values that words stand for, and where a word is not known."""
    places = pc.index_in(column, words)
    wrong = pc.and_(places.is_null(), column.is_valid()).to_numpy(zero_copy_only=False)
    return values.take(places), wrong


def _in_order(rows: pa.RecordBatch, others: pa.RecordBatch) -> pa.RecordBatch:
    if not others.num_rows:
        return rows
    whole = pa.concat_batches([rows, others])
    return whole.take(pa.array(np.argsort(whole.column("manifest_record").to_numpy(), kind="stable")))
