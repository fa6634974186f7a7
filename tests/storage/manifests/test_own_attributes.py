"""Rows of our own tables as a manifest: their attributes are columns again, whoever wrote the file."""

import io

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import own_attributes
from tests.storage.manifests.reading import as_parquet, read

FIRST = {"attr_mask": "both", "attr_age": "7"}
LAST = {"attr_mask": "none", "attr_note": "two\nlines"}
WANTED = [FIRST, {}, {}, LAST]
TEXTS = pa.map_(pa.string(), pa.string())


def table(attributes, kind=TEXTS, **more) -> pa.Table:
    """Return pairs with these attributes."""
    count = len(attributes)
    columns = {
        "pair_id": [f"p{number}" for number in range(count)],
        "reference_id": ["images/a.jpg"] * count,
        "probe_id": [f"images/{number}.jpg" for number in range(count)],
        "failure_code": ["image_missing"] * count,
    }
    return pa.table({**columns, **more, "attributes": pa.array(attributes, kind)})


def by_pyarrow(found: pa.Table) -> bytes:
    return as_parquet(found)


def by_pandas(found: pa.Table) -> bytes:
    sink = io.BytesIO()
    found.to_pandas().to_parquet(sink)
    return sink.getvalue()


def by_polars(found: pa.Table) -> bytes:
    sink = io.BytesIO()
    pl.read_parquet(as_parquet(found)).write_parquet(sink)
    return sink.getvalue()


@pytest.mark.parametrize("write", [by_pyarrow, by_pandas, by_polars])
def test_attributes_come_back_from_a_file_that_each_reader_writes(tmp_path, write):
    rows = [list(each.items()) for each in WANTED]
    found = read(tmp_path, "x.parquet", write(table(rows)))
    assert [row["attributes"] for row in found.rows] == WANTED
    assert "attributes" not in found.summary.passed_over


def test_a_row_whose_attributes_are_unknown_has_none(tmp_path):
    found = read(tmp_path, "x.parquet", as_parquet(table([None, list(FIRST.items()), None])))
    assert [row["attributes"] for row in found.rows] == [{}, FIRST, {}]


def test_more_rows_than_are_read_at_once_keep_theirs(tmp_path):
    rows = [[("attr_n", str(number))] if number % 3 else [] for number in range(2000)]
    found = read(tmp_path, "x.parquet", as_parquet(table(rows)))
    assert [row["attributes"] for row in found.rows] == list(map(dict, rows))


def test_a_column_of_its_own_goes_before_and_no_attribute_can_be_another_column(tmp_path):
    rows = [[("attr_mask", "old"), ("pair_id", "x"), ("attr_age", "7")]]
    found = read(tmp_path, "x.parquet", as_parquet(table(rows, attr_mask=["new"])))
    assert found.ids == ["p0"]
    assert found.rows[0]["attributes"] == {"attr_mask": "new", "attr_pair_id": "x", "attr_age": "7"}


def test_what_the_view_of_failures_adds_is_no_attribute(tmp_path):
    rows = table([[]], lasting=["open"], advice=["Upload it."])
    assert read(tmp_path, "x.parquet", as_parquet(rows)).rows[0]["attributes"] == {}
    found = read(tmp_path, "x.parquet", as_parquet(rows.drop_columns(["failure_code"])))
    assert found.rows[0]["attributes"] == {"attr_lasting": "open", "attr_advice": "Upload it."}


@pytest.mark.parametrize(
    ("rows", "kind", "told"),
    [
        ([[["attr_a", "1", "x"]]], pa.list_(pa.list_(pa.string())), "no pairs of a name and a value"),
        ([[("attr_a", "1")] * 9], TEXTS, "has 9 values in a row group"),
        ([[(f"attr_{n}", "1") for n in range(8)] for _ in range(1)], TEXTS, "more than 6 columns"),
        ([[("attr_a\x01", "1")]], TEXTS, "has a name that cannot be kept"),
    ],
)
def test_a_column_that_no_table_of_ours_has_is_refused(tmp_path, monkeypatch, rows, kind, told):
    monkeypatch.setattr(own_attributes, "MOST_VALUES", 8)
    if "columns" in told:
        monkeypatch.setattr("maskmatch.storage.manifests.columns.MOST_COLUMNS", 6)
    with pytest.raises(InputError, match=told):
        read(tmp_path, "x.parquet", as_parquet(table(rows, kind)))


def test_a_number_in_their_place_is_passed_over(tmp_path):
    found = read(tmp_path, "x.parquet", as_parquet(table([1], pa.int64())))
    assert found.summary.passed_over[-1] == "attributes"


def test_a_long_text_is_cut_and_not_repeated(tmp_path):
    rows = [[("attr_a", "x" * 100_000)] for _ in range(50)]
    found = read(tmp_path, "x.parquet", as_parquet(table(rows)))
    assert {row.code for row in found.bad} == {"value_invalid"}
    assert len(found.bad) == 50
    assert pd.Series([len(row.message) for row in found.bad]).max() < 1000
