"""What earlier runs have learnt of single images, so that a bad one is not paid for again in another plan.

Failures that belong to an image are few: first they are gathered, then the scores of the images in them,
which tell who was at fault.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.codes import Action
from maskmatch.core.codes import table as codes
from maskmatch.core.image_pairs import ImagePair
from maskmatch.core.outcomes import FailureClass, Outcome, Reason, Side
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.pipeline.late_answers import LateAnswers
from maskmatch.storage.journal import scan_tables
from maskmatch.storage.journal.answers import OF_IMAGES, Wanted, contents, is_answer
from maskmatch.storage.object_stores import Store

_FAILURE = ["failure_class", "failure_code", "failure_message", "vendor_code", "failed_side"]
_COLUMNS = ["attempt", "answered_by", "image_policy", "quality_control", "score", *_FAILURE, *OF_IMAGES]
_CODES = pa.array([rule.code for rule in codes().values() if rule.action is Action.FAIL_IMAGE])


def learn_of_images(bad_images: BadImageIndex, warehouse: Store, answers: LateAnswers) -> None:
    """Let an index learn from all journals whose answers count."""
    journals = list(answers.dates.journals(warehouse, answers.wanted))
    failures = list(_failures(warehouse, journals))
    if not failures:
        return
    suspects = pc.unique(
        pa.chunked_array([part for rows in failures for side in Side for part in rows[side].chunks])
    )
    for prefix, wanted in journals:
        for table in scan_tables(warehouse, prefix, columns=_COLUMNS):
            scored = _answers(table.filter(pc.is_valid(table["score"])), wanted)
            told = scored.filter(pc.or_(*(pc.is_in(scored[side], value_set=suspects) for side in Side)))
            bad_images.seed(_evidence(told), scored=scored.num_rows - told.num_rows)
    for rows in failures:
        bad_images.seed(_evidence(rows))


def _failures(warehouse: Store, journals: Sequence[tuple[str, Wanted]]) -> Iterator[pa.Table]:
    for prefix, wanted in journals:
        for table in scan_tables(warehouse, prefix, columns=_COLUMNS):
            rows = _answers(table.filter(pc.is_in(table["vendor_code"], value_set=_CODES)), wanted)
            if rows.num_rows:
                yield rows


def _answers(table: pa.Table, wanted: Wanted) -> pa.Table:
    """Return the answers that count, and of which both images are known, with their content names."""
    table = table.filter(is_answer(table, wanted))
    for side in Side:
        table = table.append_column(str(side), contents(table, side, wanted))
    return table.filter(pc.and_(*(pc.is_valid(table[side]) for side in Side)))


def _evidence(table: pa.Table) -> Iterator[tuple[ImagePair, Outcome]]:
    names = [*Side, "quality_control", "score", *_FAILURE]
    for row in table.select(names).to_pylist():
        images = ImagePair(row[Side.REFERENCE], row[Side.PROBE], row["quality_control"] or 0)
        yield images, Outcome(pair_id="", score=row["score"], reason=_reason(row))


def _reason(row: dict[str, str | None]) -> Reason | None:
    if row["failure_code"] is None:
        return None
    side = row["failed_side"]
    return Reason(
        failure_class=FailureClass(row["failure_class"] or ""),
        code=row["failure_code"],
        message=row["failure_message"] or "",
        vendor_code=row["vendor_code"],
        side=Side(side) if side else None,
    )
