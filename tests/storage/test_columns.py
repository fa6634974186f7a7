"""No value is dropped in silence for want of a column, and no column stays empty for want of a value."""

from dataclasses import fields

from maskmatch.core.outcomes import FailureClass, Outcome, Reason
from maskmatch.core.pairs import Pair, Place, bad_row
from maskmatch.core.publishing import Stamp, bad_row_row, pair_rows
from maskmatch.storage.pair_columns import PLANNED_COLUMNS
from maskmatch.storage.tables import OUTCOMES
from tests.fakes import pair

STAMP = Stamp(run_id="r", nominal_fmr=1e-4, schema_version=1)


def filled():
    reason = Reason(failure_class=FailureClass.DATA, code="image_missing", message="m")
    outcomes = {
        "a": Outcome(pair_id="a", score=55.0, model_version="3.0"),
        "b": Outcome(pair_id="b", reason=reason),
    }
    rows = [*pair_rows([pair("a"), pair("b")], outcomes, STAMP)]
    return {name for row in rows for name in row if not name.startswith("attr_")} | {"publication"}


def test_every_value_of_an_outcome_has_a_column_and_every_column_a_value():
    assert filled() == set(OUTCOMES.names) - {"manifest_column"}


def test_every_value_of_a_bad_row_has_a_column():
    row = bad_row_row(
        bad_row(Place(file="f", record=1), code="row_malformed", why="w", column="pair_id"), STAMP
    )
    assert "manifest_column" in row
    assert row.keys() <= set(OUTCOMES.names)


def test_every_field_of_a_pair_reaches_its_shard():
    assert {field.name for field in fields(Pair)} == set(PLANNED_COLUMNS.names) - {"call_order"}
