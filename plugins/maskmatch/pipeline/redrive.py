"""Call some failed rows of a date anew and keep all others as they were published.

published outcomes ──chosen rows──> called
                   └──all others──> taken over as they are

The plan is one of the whole date, so that a new publication takes the place of the old one, which stays in
the history.

Decision: docs/adr/0029-a-redrive-is-a-plan.md
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError, ObjectMissing
from maskmatch.core.outcomes import Side, Source, Status
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.core.redrive import Selection
from maskmatch.pipeline.plan import OpenBucket, make_plan
from maskmatch.pipeline.plan.hashes import Hashes, Words, as_bytes, comparisons
from maskmatch.pipeline.run import Run
from maskmatch.storage.answer_files import AnswerFile, Scatter, halves
from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.fetching import fetched
from maskmatch.storage.journal.answers import ANSWERS, NAME
from maskmatch.storage.object_stores import Store
from maskmatch.storage.plans import AS_ANSWERED
from maskmatch.storage.sorted_hashes import text_hashes
from maskmatch.storage.tables import current_key, outcomes_address

_BATCH_ROWS = 65_536
_FROM_OUTCOMES = [
    "run_id", "call_order", "manifest_row", "quality_control", "called_at", "latency_ms", "request_id",
    "answered_by", "score", "model_version", "failure_class", "failure_code", "failure_message",
    "vendor_code", "failed_side",
]  # fmt: skip
"""Columns of an answer that a published row has under the same name."""


@dataclass(slots=True)
class Chosen:
    """The rows that are to be called anew: how many of each code, and what they are known by.

    `final` rows would be among them, but are not to be called again.
    """

    codes: Counter[str] = field(default_factory=Counter)
    final: int = 0
    comparisons: list[Words] = field(default_factory=list)
    pairs: list[Words] = field(default_factory=list)


class KeptOutcomes:
    """The published outcomes of a date but for those that are chosen, as answers to take over.

    A row is found by its images, and where these have changed by its pair: only chosen ones are called.
    """

    def __init__(self, table: pq.ParquetFile, selection: Selection) -> None:
        chosen, by_content, by_pair = Chosen(), Scatter(), Scatter()
        self._digest = hashlib.sha256(str(selection).encode())
        for batch in table.iter_batches(_BATCH_ROWS):
            block = pa.Table.from_batches([batch]).unify_dictionaries()
            self._digest.update(str(block["publication"][0]).encode())
            for part, names in _answers(block, _note_chosen(block, selection, chosen)):
                by_content.add(part.append_column("comparison", names[0]).select(ANSWERS.names))
                by_pair.add(part.append_column("comparison", names[1]).select(ANSWERS.names))
        self.codes = chosen.codes
        self._final = chosen.final
        self._selection = selection
        self._chosen = _sorted(chosen.comparisons)
        self._chosen_pairs = _sorted(chosen.pairs)
        self._by_content = AnswerFile(by_content.sorted_parts(), most=by_content.rows)
        self._by_pair = AnswerFile(by_pair.sorted_parts(), most=by_pair.rows)

    def __str__(self) -> str:
        rows = ", ".join(f"{count:,} {code}" for code, count in self.codes.most_common())
        final = f"; {self._final:,} final failures are left alone" if self._final else ""
        return f"chosen ({self._selection}): {rows or 'no row'}{final}"

    @property
    def digest(self) -> str:
        """Return a name of the publication and the choice."""
        return self._digest.hexdigest()[:16]

    def lookup(self, asked: pa.FixedSizeBinaryArray, pairs: Words, /) -> pa.Table:
        """Return what is kept, as `AnswersAtHand.lookup`; raise InputError for pairs that are new."""
        is_chosen = np.isin(halves(asked)[0], self._chosen)
        places, rows = self._by_content.find(asked)
        keep = ~is_chosen[places]
        places, rows = places[keep], rows.filter(pa.array(keep))
        is_left = ~is_chosen & ~np.isin(pairs, self._chosen_pairs)
        is_left[places] = False
        left = np.flatnonzero(is_left)
        found, more = self._by_pair.find(_names_of(pairs[left]))
        if len(found) < len(left):
            raise InputError(
                f"{len(left) - len(found):,} pairs of the manifests have no published outcome to keep: they "
                "are new, so run the date instead of a redrive"
            )
        rows = pa.concat_tables([rows, _as_answered(more)])
        places = np.concatenate([places, left[found]])
        return rows.drop_columns("comparison").add_column(0, "place", pa.array(places, pa.int64()))


@contextmanager
def kept_outcomes(run: Run, selection: Selection) -> Iterator[KeptOutcomes]:
    """Yield what is kept of the published outcomes of a date; raise InputError where there are none."""
    warehouse: Store = run.patient_warehouse()
    try:
        with fetched(warehouse, current_key("outcomes", run.day)) as path:
            yield KeptOutcomes(pq.ParquetFile(path), selection)
    except ObjectMissing as error:
        raise InputError(
            f"{outcomes_address(warehouse, run.day)} is not there: run the date first"
        ) from error


def make_redrive_plan(
    run: Run, options: PlanOptions, kept: KeptOutcomes, open_bucket: OpenBucket = lambda _: None
) -> Plan:
    """Return the plan that calls the chosen rows alone; the same choice from one publication is one plan.

    Raise InputError where no row is chosen.
    """
    if not kept.codes:
        raise InputError(f"nothing to redrive on {run.day}: {kept}")
    name = f"redrive-{kept.digest}"
    return make_plan(run, replace(options, repetition=name, is_redrive=True), kept, open_bucket)


def _note_chosen(block: pa.Table, selection: Selection, chosen: Chosen) -> pa.Array:
    """Note the rows of a block that are chosen; return which they are."""
    which = _fits(block, selection)
    if not selection.takes_final:
        is_final = are_final(block["failure_code"])
        chosen.final += pc.sum(pc.and_(which, is_final)).as_py() or 0
        which = pc.and_not(which, is_final)
    rows = block.filter(which)
    if rows.num_rows:
        chosen.codes.update(rows["failure_code"].to_pylist())
        chosen.comparisons.append(_comparisons(rows).high)
        chosen.pairs.append(text_hashes(rows["pair_id"].to_pylist()))
    return which


def _fits(block: pa.Table, selection: Selection) -> pa.ChunkedArray:
    which = pc.and_(pc.equal(_text(block["outcome"]), Status.FAILED), pc.is_valid(block["reference_id"]))
    for column, values in selection.values.items():
        if column.startswith(ATTRIBUTE_PREFIX):
            found = pc.map_lookup(block["attributes"], pa.scalar(column), "first")
        else:
            found = _text(block[column])
        which = pc.and_(which, pc.is_in(found, value_set=pa.array(sorted(values), pa.string())))
    return which


def _answers(block: pa.Table, which: pa.ChunkedArray) -> Iterator[tuple[pa.Table, tuple[pa.Array, pa.Array]]]:
    """Yield the rows that are kept as answers, with the names of their comparisons and pairs."""
    is_pair = pc.and_(pc.is_valid(block["reference_id"]), pc.not_equal(_text(block["outcome"]), "skipped"))
    rows = block.filter(pc.and_not(is_pair, which))
    if not rows.num_rows:
        return
    columns = {name: _cast(rows[name], name) for name in _FROM_OUTCOMES}
    columns["pair_id"] = pc.coalesce(rows["canonical_pair_id"], rows["pair_id"])
    columns["result_source"] = pa.repeat(pa.scalar(Source.REUSED.value), rows.num_rows)
    side = _text(rows["failed_side"])
    columns["failed_content"] = pc.case_when(
        pc.make_struct(*(pc.fill_null(pc.equal(side, each), fill_value=False) for each in Side)),
        *(rows[f"{each}_content"] for each in Side),
    )
    found = {
        name: columns.get(name, pa.nulls(rows.num_rows, ANSWERS.field(name).type))
        for name in ANSWERS.names
        if name != "comparison"
    }
    names = _comparisons(rows)
    pairs = text_hashes(rows["pair_id"].to_pylist())
    yield pa.table(found), (_fixed(as_bytes(names.high, names.low)), _names_of(pairs))


def _as_answered(rows: pa.Table) -> pa.Table:
    """Return answers that were found by their pairs: the side at fault is the same, whatever its content."""
    place = rows.schema.get_field_index("failed_content")
    has_side = pc.is_valid(rows["failed_side"])
    content = pc.if_else(has_side, AS_ANSWERED, pa.scalar(None, pa.string()))
    return rows.set_column(place, ANSWERS.field(place), content)


def _comparisons(rows: pa.Table) -> Hashes:
    reference, probe = (rows[f"{side}_content"].combine_chunks() for side in Side)
    return comparisons(reference, probe, rows["quality_control"].combine_chunks())


def _names_of(pairs: Words) -> pa.FixedSizeBinaryArray:
    """Return hashes of pairs in the form of names of comparisons."""
    return _fixed(as_bytes(pairs, np.zeros_like(pairs)))


def _fixed(data: bytes) -> pa.FixedSizeBinaryArray:
    width = NAME.byte_width
    return pa.FixedSizeBinaryArray.from_buffers(NAME, len(data) // width, [None, pa.py_buffer(data)])


def _cast(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    return _text(column).cast(ANSWERS.field(name).type)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _sorted(parts: "list[Words]") -> "npt.NDArray[np.uint64]":
    return np.unique(np.concatenate([np.empty(0, np.uint64), *parts]))
