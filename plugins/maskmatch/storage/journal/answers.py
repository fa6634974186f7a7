"""The answers in a journal, by the contents of the images that were sent, for whoever has the same ones.

An answer is a row with a call of its own that brought a score, or a failure that belongs to the images.

Decision: docs/adr/0021-answers-are-taken-over.md
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.comparisons import COMPARISON_BYTES, comparison_of, content_name
from maskmatch.core.outcomes import Side
from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.journal.reading import scan_tables
from maskmatch.storage.journal.records import OUTCOME_COLUMNS, SCHEMA
from maskmatch.storage.object_stores import Store

NAME = pa.binary(COMPARISON_BYTES)
ANSWER_COLUMNS = [*OUTCOME_COLUMNS, "comparison", "failed_content"]
ANSWERS = pa.schema(
    [*(SCHEMA.field(name) for name in OUTCOME_COLUMNS), ("comparison", NAME), ("failed_content", pa.string())]
)
"""What is known of an answer; `failed_content` names the image at fault, whichever side it was on."""
OF_IMAGES = [f"{side}_{name}" for side in Side for name in ("image_id", "tag", "md5", "sha256")]
"""What tells the contents."""
_MD5_TAG = "^[0-9a-fA-F]{32}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which answers count: who gave them, how images were sent, and what images are known by.

    With `by_address` also images that no store was asked for are known, by their address; with `by_id` images
    are known by their ids alone.
    """

    answered_by: str
    image_policy: str
    trust_tags: bool
    by_address: bool = False
    by_id: bool = False


def scan_answers(store: Store, prefix: str, wanted: Wanted) -> Iterator[pa.Table]:
    """Yield the answers in a journal that count, as tables of ANSWERS, oldest first."""
    for table in scan_tables(store, prefix, columns=[*OUTCOME_COLUMNS, *OF_IMAGES]):
        rows = table.filter(is_answer(table, wanted))
        if rows.num_rows:
            yield _named(rows, wanted)


def is_answer(table: pa.Table, wanted: Wanted) -> pa.ChunkedArray:
    """Return which rows are answers that count."""
    failed = are_final(table["failure_code"])
    scored = pc.and_(pc.is_valid(table["score"]), pc.is_null(table["failure_code"]))
    return pc.and_(
        pc.and_(pc.or_(scored, failed), pc.is_valid(table["attempt"])),
        pc.and_(
            pc.equal(table["answered_by"], wanted.answered_by),
            pc.equal(table["image_policy"], wanted.image_policy),
        ),
    )


def contents(table: pa.Table, side: Side, wanted: Wanted) -> pa.ChunkedArray:
    """Return the content names (`core.comparisons`) of one side; null where nothing was known."""
    if wanted.by_id:
        return pc.binary_join_element_wise("id:", table[f"{side}_image_id"], "")
    if wanted.trust_tags:
        tag = pc.replace_substring(table[f"{side}_tag"], '"', "")
        is_md5 = pc.match_substring_regex(tag, _MD5_TAG)
        of_tag = pc.if_else(is_md5, pc.utf8_lower(tag), pa.scalar(None, pa.string()))
        names = pc.binary_join_element_wise("md5:", pc.coalesce(table[f"{side}_md5"], of_tag), "")
    else:
        names = pc.binary_join_element_wise("sha256:", table[f"{side}_sha256"], "")
    image_ids, tags = table[f"{side}_image_id"], table[f"{side}_tag"]
    names = pc.coalesce(names, _states(image_ids, tags, pc.is_null(names)))
    if not wanted.by_address:
        return names
    addresses = pc.if_else(pc.is_null(tags), image_ids, pa.scalar(None, pa.string()))
    return pc.coalesce(names, pc.binary_join_element_wise("id:", addresses, ""))


def _states(image_ids: pa.ChunkedArray, tags: pa.ChunkedArray, wanted: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names of images with a tag that is no MD5, where they are wanted and both are there."""
    wanted = pc.and_(wanted, pc.and_(pc.is_valid(image_ids), pc.is_valid(tags)))
    sides = zip(image_ids.filter(wanted).to_pylist(), tags.filter(wanted).to_pylist(), strict=True)
    names = pa.array([content_name(image_id=image_id, tag=tag) for image_id, tag in sides], pa.string())
    return pc.replace_with_mask(pa.nulls(len(tags), pa.string()), wanted.combine_chunks(), names)


def _named(rows: pa.Table, wanted: Wanted) -> pa.Table:
    """Return the rows of which both images are known, under the names of their comparisons."""
    reference, probe = (contents(rows, side, wanted) for side in Side)
    are_known = pc.and_(
        pc.and_(pc.is_valid(reference), pc.is_valid(probe)), pc.is_valid(rows["quality_control"])
    )
    rows, reference, probe = rows.filter(are_known), reference.filter(are_known), probe.filter(are_known)
    sides = zip(reference.to_pylist(), probe.to_pylist(), rows["quality_control"].to_pylist(), strict=True)
    names = pa.array((comparison_of(*each) for each in sides), NAME)
    side = rows["failed_side"]
    of_probe = pc.if_else(pc.equal(side, Side.PROBE), probe, pa.scalar(None, pa.string()))
    failed = pc.if_else(pc.equal(side, Side.REFERENCE), reference, of_probe)
    columns = [*(rows[name] for name in OUTCOME_COLUMNS), names, failed]
    return pa.table(columns, schema=ANSWERS)
