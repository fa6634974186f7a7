"""What stands in the columns of outcomes."""

import numpy as np
import pyarrow as pa
import pytest

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import FailureClass, Outcome, Reason, Side
from maskmatch.core.pairs import Place, bad_row
from maskmatch.pipeline.publish import outcomes
from maskmatch.pipeline.publish.books import Books
from maskmatch.pipeline.publish.settled import settle
from maskmatch.storage.journal.records import SCHEMA
from maskmatch.storage.pair_columns import PLANNED_COLUMNS
from maskmatch.storage.plans import KNOWN, REST, bad_rows_table
from maskmatch.storage.schemas import OUTCOMES
from tests.pipeline.publish.made import STAMP, journal_of, scored

FAILED = Reason(failure_class=FailureClass.DATA, code="image_missing", message="m", side=Side.PROBE)


def planned(*names, schema=PLANNED_COLUMNS, **more):
    rows = [
        {
            "pair_id": name,
            "row_id": f"row-{name}-{number}",
            "manifest_file": "f.csv",
            "manifest_row": number + 2,
        }
        | {"reference_id": "a", "probe_id": "b", "reference_content": "id:a", "probe_content": "id:b"}
        | {column: values[number] for column, values in more.items()}
        for number, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows, schema)


def settled(*ends):
    return settle(journal_of(*ends), np.arange(len(ends)), len(ends))


def rows_of(*ends):
    names = [end.pair_id for end in ends]
    return outcomes.called_rows(planned(*names), settled(*ends), STAMP).table


def named(table):
    return {row["pair_id"]: row for row in table.to_pylist()}


def books_of(*tables):
    books = Books("r")
    for table in tables:
        books.add_rows(table)
    return books


def check(manifest_rows, *tables):
    books_of(*tables).check(manifest_rows=manifest_rows, rows=lambda: iter(tables))


def test_a_score_gets_its_decision_at_the_threshold_of_the_fmr():
    (row,) = rows_of(scored("a", 0, 55.0)).to_pylist()
    assert (row["score"], row["threshold"], row["decision"]) == (55.0, 50.0, "match")
    assert (row["cost"], row["billed_calls"], row["outcome"]) == (0.0032, 1, "scored")


def test_a_score_of_an_unknown_model_is_kept_without_a_decision_and_counted():
    table = rows_of(Outcome(pair_id="a", score=55.0, model_version="9.9", call_order=0), scored("b", 1, 49.0))
    first, second = table.to_pylist()
    assert (first["score"], first["threshold"], first["decision"]) == (55.0, None, None)
    assert first["threshold_nominal_fmr"] is None
    assert second["decision"] == "non-match"
    assert books_of(table).totals()["undecided"] == 1


def test_the_decision_agrees_with_the_score_as_it_is_kept():
    (row,) = rows_of(scored("a", 0, 49.9999999)).to_pylist()
    assert (row["score"], row["decision"]) == (50.0, "match")


def test_a_failure_says_why_and_whether_it_may_be_tried_again():
    final = Reason(failure_class=FailureClass.BIOMETRIC, code="no_face", message="m")
    table = rows_of(
        Outcome(pair_id="a", reason=FAILED, call_order=0), Outcome(pair_id="b", reason=final, call_order=1)
    )
    first, second = table.to_pylist()
    assert (first["outcome"], first["failure_code"], first["is_open"]) == ("failed", "image_missing", True)
    assert (second["failure_class"], second["is_open"], second["score"]) == ("biometric", False, None)
    totals = books_of(table).totals()
    assert (totals["failed"], totals["open_failures"], totals["tried_to_acquire"]) == (2, 1, 1)


def test_a_row_that_another_settles_has_its_outcome_the_side_that_is_its_own_and_no_cost():
    rest = planned("a", "b", schema=REST, result_source=["dedup", "swapped"], canonical_pair_id=[None, "a"])
    heads = settled(Outcome(pair_id="a", reason=FAILED, call_order=7)).take(pa.array([0, 0]))
    table = outcomes.rest_rows(rest, heads, STAMP).table
    same, swapped = table.to_pylist()
    assert (same["failed_side"], same["result_source"], same["canonical_pair_id"]) == ("probe", "dedup", None)
    assert (swapped["failed_side"], swapped["canonical_pair_id"]) == ("reference", "a")
    assert (swapped["is_open"], swapped["attempts"], swapped["cost"], swapped["billed_on"]) == (
        True,
        0,
        0,
        None,
    )


def test_a_row_that_is_skipped_says_so_and_has_nothing_else():
    rest = planned("a", schema=REST, result_source=["preflight"], canonical_pair_id=[None])
    (row,) = outcomes.skipped_rows(rest, STAMP).table.to_pylist()
    assert (row["outcome"], row["result_source"]) == ("skipped", "preflight")
    assert (row["score"], row["failure_code"], row["attempts"]) == (None, None, 0)


def test_an_answer_that_was_taken_over_says_from_where_and_costs_nothing():
    answer = {
        f"answer_{name}": [value, value]
        for name, value in journal_of(scored("old", 7, 55.0)).to_pylist()[0].items()
        if f"answer_{name}" in KNOWN.names
    }
    answer["answer_pair_id"] = ["old", "b"]
    table = outcomes.known_rows(planned("a", "b", schema=KNOWN, **answer), STAMP).table
    first, second = table.to_pylist()
    assert (first["result_source"], first["canonical_pair_id"]) == ("reused", "old")
    assert second["canonical_pair_id"] is None
    assert (first["score"], first["request_id"], first["call_order"]) == (55.0, "r-7", None)
    assert (first["attempts"], first["billed_calls"], first["cost"], first["billed_on"]) == (0, 0, 0, None)


@pytest.mark.parametrize(("content", "side"), [("id:a", "reference"), ("id:b", "probe"), ("id:c", None)])
def test_the_image_at_fault_is_on_the_side_on_which_it_is_in_this_row(content, side):
    reason = {"answer_failure_code": ["no_face"], "answer_failure_class": ["biometric"]}
    reason |= {"answer_pair_id": ["old"], "answer_failed_content": [content], "answer_failed_side": ["probe"]}
    (row,) = outcomes.known_rows(planned("a", schema=KNOWN, **reason), STAMP).table.to_pylist()
    assert (row["failure_code"], row["failed_side"]) == ("no_face", side)


def test_a_row_that_is_no_pair_keeps_what_it_says_of_itself():
    says = {"pair_id": "a", "reference_subject_id": "s", "attributes": (("attr_mask", "both"),)}
    bad = bad_row(
        Place(file="f.csv", record=3), code="row_malformed", why="short", column="probe_id", says=says
    )
    (row,) = outcomes.bad_rows(bad_rows_table([bad]), STAMP).table.to_pylist()
    assert (row["outcome"], row["failure_class"], row["is_open"]) == ("failed", "data", False)
    assert (row["manifest_column"], row["failure_code"]) == ("probe_id", "row_malformed")
    assert (row["reference_subject_id"], row["attributes"]) == ("s", [("attr_mask", "both")])


@pytest.mark.parametrize("score", [-0.1, 100.1, float("nan")])
def test_a_score_out_of_range_keeps_everything_from_being_published(score):
    table = rows_of(scored("a", 0, 50.0))
    number = table.schema.get_field_index("score")
    table = table.set_column(number, OUTCOMES.field(number), pa.array([score], pa.float32()))
    with pytest.raises(BooksError, match="pair a is scored and has a score outside 0-100"):
        books_of(table)


def test_rows_that_are_lost_or_doubled_keep_everything_from_being_published():
    table = rows_of(scored("a", 0, 50.0), scored("b", 1, 50.0))
    check(2, table)
    with pytest.raises(BooksError, match="the manifests have 3 rows, the outcomes 2"):
        check(3, table)
    with pytest.raises(BooksError, match=r"2 outcomes have the manifest row of another \(pairs a, b, a, b\)"):
        check(4, table, table)


def test_a_row_id_that_stands_twice_keeps_everything_from_being_published():
    table = rows_of(scored("a", 0, 50.0), scored("b", 1, 50.0))
    number = table.schema.get_field_index("row_id")
    table = table.set_column(number, OUTCOMES.field(number), pa.array(["x", "x"]))
    with pytest.raises(BooksError, match=r"1 outcomes have the row_id of another \(pairs a, b\)"):
        check(2, table)


def test_other_content_has_another_name_and_the_same_content_the_same():
    one, other = rows_of(scored("a", 0, 50.0)), rows_of(scored("a", 0, 51.0))
    assert books_of(one).content() == books_of(rows_of(scored("a", 0, 50.0))).content()
    assert books_of(one).content() != books_of(other).content()
    assert books_of(one).content("x") != books_of(one).content("y")


def test_a_run_counts_its_own_calls_alone():
    books = books_of(rows_of(scored("a", 0, 50.0)))
    books.add_calls(journal_of(scored("a", 0, 50.0)))
    assert books.totals()["billed_calls"] == 1
    another = Books("another")
    another.add_calls(journal_of(scored("a", 0, 50.0)))
    assert (another.totals()["billed_calls"], another.totals()["cost"]) == (0, 0.0)


def test_every_column_of_outcomes_has_a_value_somewhere():
    tables = [
        rows_of(scored("a", 0, 55.0), Outcome(pair_id="b", reason=FAILED, call_order=1)),
        outcomes.bad_rows(
            bad_rows_table([bad_row(Place(file="f", record=1), code="c", why="w", column="pair_id")]), STAMP
        ).table,
    ]
    filled = {name for table in tables for name in table.column_names if table[name].null_count < len(table)}
    of_manifest = {"reference_subject_id", "probe_subject_id", "is_mated", "quality_control", "attributes"}
    unusual = {"vendor_code", "canonical_pair_id", "latency_ms", "called_at", "billed_on"}
    assert set(OUTCOMES.names) - filled <= of_manifest | unusual
    assert {"call_order", "pair_id"} <= set(SCHEMA.names)
