import pytest

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Side, Source
from maskmatch.core.pairs import Place, bad_row
from maskmatch.core.publishing import (
    Stamp,
    bad_row_row,
    check_books,
    content_digest,
    known_rows,
    pair_rows,
    rest_rows,
    run_totals,
)
from tests.fakes import pair

STAMP = Stamp(run_id="r", nominal_fmr=1e-4, schema_version=1)
SCORED = Outcome(pair_id="a", score=55.0, model_version="3.0", calls=Calls(attempts=1, billed=1))


def rows_of(*outcomes, pairs=None):
    known = {outcome.pair_id: outcome for outcome in outcomes}
    return list(pair_rows(pairs or [pair(name) for name in known], known, STAMP))


def test_a_score_gets_its_decision_at_the_threshold_of_the_fmr():
    (row,) = rows_of(SCORED)
    assert (row["score"], row["threshold"], row["decision"], str(row["cost"])) == (
        55.0,
        50.0,
        "match",
        "0.0032",
    )


def test_a_score_of_an_unknown_model_is_kept_without_a_decision():
    (row,) = rows_of(Outcome(pair_id="a", score=55.0, model_version="9.9"))
    assert row["score"] == 55.0
    assert "decision" not in row


def test_a_failure_says_why_and_whether_it_may_be_tried_again():
    reason = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="vendor_error", message="m")
    (row,) = rows_of(Outcome(pair_id="a", reason=reason))
    assert (row["outcome"], row["failure_code"], row["is_open"]) == ("failed", "vendor_error", True)


def test_pairs_without_an_outcome_keep_everything_from_being_published():
    with pytest.raises(BooksError, match=r"1 pairs have no outcome yet \(b\)"):
        rows_of(SCORED, pairs=[pair("a"), pair("b")])


@pytest.mark.parametrize("score", [-0.1, 100.1])
def test_a_score_out_of_range_keeps_everything_from_being_published(score):
    rows = rows_of(Outcome(pair_id="a", score=score, model_version="3.0"))
    with pytest.raises(BooksError, match="outside 0-100"):
        check_books(rows, manifest_rows=1)


def test_rows_that_are_lost_or_doubled_keep_everything_from_being_published():
    rows = rows_of(SCORED)
    with pytest.raises(BooksError, match="the manifests have 2 rows, the outcomes 1"):
        check_books(rows, manifest_rows=2)
    with pytest.raises(BooksError, match="more than one outcome"):
        check_books(rows * 2, manifest_rows=2)


def test_the_totals_of_a_run_add_up():
    bad = bad_row(Place(file="f.csv", record=3), code="row_malformed", why="short")
    rows = [*rows_of(SCORED), bad_row_row(bad, STAMP)]
    check_books(rows, manifest_rows=2)
    totals = run_totals(rows, [SCORED.calls])
    assert (totals["scored"], totals["failed"], totals["skipped"]) == (1, 1, 0)
    assert (totals["failed_data"], totals["billed_calls"], str(totals["cost"])) == (1, 1, "0.0032")


def test_a_run_counts_its_own_calls_alone():
    totals = run_totals(rows_of(SCORED), [])
    assert (totals["scored"], totals["billed_calls"], totals["attempts"]) == (1, 0, 0)


def test_the_decision_agrees_with_the_score_as_it_is_kept():
    (row,) = rows_of(Outcome(pair_id="a", score=49.9999999, model_version="3.0"))
    assert (row["score"], row["decision"]) == (50.0, "match")


def test_other_content_has_another_name_and_the_same_content_the_same():
    one, other = rows_of(SCORED), rows_of(Outcome(pair_id="a", score=56.0, model_version="3.0"))
    assert content_digest(one) == content_digest(rows_of(SCORED)) != content_digest(other)


def test_an_answer_that_was_taken_over_says_from_where_and_costs_nothing():
    earlier = Outcome(
        pair_id="old", score=55.0, model_version="3.0", calls=Calls(attempts=1, billed=1), call_order=7
    )
    own = Outcome(pair_id="b", score=55.0, model_version="3.0")
    first, second = known_rows([(pair("a"), earlier), (pair("b"), own)], STAMP)
    assert (first["result_source"], first["canonical_pair_id"], second["canonical_pair_id"]) == (
        "reused",
        "old",
        None,
    )
    assert (first["score"], first["attempts"], first["billed_calls"], first["cost"]) == (55.0, 0, 0, 0)
    assert (first["call_order"], first["pair_id"]) == (None, "a")


def test_a_row_that_another_settles_has_its_outcome_and_the_side_that_is_its_own():
    reason = Reason(failure_class=FailureClass.DATA, code="image_missing", message="m", side=Side.PROBE)
    outcomes = {"a": Outcome(pair_id="a", reason=reason)}
    rest = [
        (pair("a"), Source.DEDUP, None),
        (pair("b"), Source.SWAPPED, "a"),
        (pair("c"), Source.PREFLIGHT, None),
    ]
    again, swapped, skipped = rest_rows(rest, outcomes, STAMP)
    assert (again["failed_side"], again["result_source"], again["canonical_pair_id"]) == (
        "probe",
        "dedup",
        None,
    )
    assert (swapped["failed_side"], swapped["canonical_pair_id"], swapped["is_open"]) == (
        "reference",
        "a",
        True,
    )
    assert (skipped["outcome"], skipped["result_source"], skipped.get("score")) == (
        "skipped",
        "preflight",
        None,
    )
