"""What a parquet file says of itself, and how each of four readers takes its types."""

import json
from datetime import UTC, date, datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from maskmatch.storage.schemas import COLUMNS_KEY, OUTCOMES, TABLES, days_of, description
from tests.tables import outcomes_table, table_bytes

WANTED = {"attr_mask": "both", "attr_age": "7"}


@pytest.fixture
def folder(tmp_path):
    """Two dates whose manifests had other attributes, the first of them without any; nulls in each column."""
    for day, attributes in (("2026-01-02", {}), ("2026-01-03", WANTED)):
        facts = {"is_mated": True, "quality_control": 2, "attempts": 1, "billed_calls": 1, "cost": 0.0032}
        called = {"billed_on": date(2026, 1, 3), "called_at": datetime(2026, 1, 2, 17, tzinfo=UTC)}
        place = {"manifest_file": "f", "manifest_row": 1, "logical_date": date.fromisoformat(day)}
        rows = [
            place | {"pair_id": "a", **facts, **called, "attributes": list(attributes.items())},
            place | {"pair_id": "b", "attributes": []},
        ]
        path = tmp_path / f"ds={day}" / "data.parquet"
        path.parent.mkdir()
        path.write_bytes(table_bytes(outcomes_table(rows)))
    return tmp_path


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described_in_its_file_for_every_reader(tmp_path, name):
    schema = TABLES[name]
    pq.write_table(schema.empty_table(), tmp_path / "x.parquet")
    read = pq.read_schema(tmp_path / "x.parquet")
    assert [description(field) for field in read] == [description(field) for field in schema]
    with duckdb.connect() as connection:
        found = connection.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = ?",
            [str(tmp_path / "x.parquet"), COLUMNS_KEY.decode()],
        ).fetchone()
    assert json.loads(found[0]) == {field.name: description(field) for field in schema}
    assert json.loads(pl.read_parquet_metadata(tmp_path / "x.parquet")[COLUMNS_KEY.decode()]).keys() == {
        *schema.names
    }


@pytest.mark.parametrize("name", TABLES)
def test_the_date_of_the_folder_is_no_column_of_the_file(name):
    assert "ds" not in TABLES[name].names
    assert "logical_date" in TABLES[name].names


def test_pandas_has_types_that_know_null(folder):
    frame = pd.read_parquet(folder)
    kinds = {name: str(frame[name].dtype) for name in frame}
    assert kinds["is_mated"] == kinds["is_open"] == "boolean"
    assert (kinds["quality_control"], kinds["attempts"], kinds["call_order"]) == ("Int8", "Int32", "Int64")
    assert (kinds["cost"], kinds["score"]) == ("float64", "float32")
    assert kinds["billed_on"] == kinds["logical_date"] == "date32[day][pyarrow]"
    assert kinds["called_at"] == "datetime64[us, UTC]"
    assert [name for name, kind in kinds.items() if kind == "object"] == ["attributes"]
    assert frame["quality_control"].tolist() == [2, pd.NA, 2, pd.NA]
    assert round(frame.groupby("billed_on")["cost"].sum(), 6).to_dict() == {date(2026, 1, 3): 0.0064}


def test_polars_and_duckdb_have_the_same_types(folder):
    frame = pl.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
    assert frame.schema["is_mated"] == pl.Boolean
    assert frame.schema["quality_control"] == pl.Int8
    assert frame.schema["cost"] == pl.Float64
    assert frame["quality_control"].to_list() == [2, None, 2, None]
    with duckdb.connect() as connection:
        found = connection.sql(f"from '{folder}/**/*.parquet'")
        kinds = dict(zip(found.columns, map(str, found.types), strict=True))
    assert (kinds["is_mated"], kinds["quality_control"], kinds["cost"]) == ("BOOLEAN", "TINYINT", "DOUBLE")
    assert (kinds["billed_on"], kinds["attributes"]) == ("DATE", "MAP(VARCHAR, VARCHAR)")


def test_no_reader_loses_the_attributes_of_another_date(folder):
    files = f"{folder}/**/*.parquet"
    frame = pd.read_parquet(folder)
    assert [dict(each) for each in frame["attributes"]] == [{}, {}, WANTED, {}]
    column = pq.read_table(folder)["attributes"]
    assert pc.map_lookup(column, "attr_mask", "first").to_pylist() == [None, None, "both", None]
    mask = pl.read_parquet(files).select(pl.col("attributes").map.get("attr_mask")).to_series()
    assert mask.to_list() == [None, None, "both", None]
    with duckdb.connect() as connection:
        found = connection.sql(f"select attributes['attr_mask'] from '{files}' order by ds, pair_id")
        assert [each for (each,) in found.fetchall()] == [None, None, "both", None]


def test_all_dates_have_the_same_columns(folder):
    schemas = [pq.read_schema(path) for path in folder.glob("*/*")]
    assert [schema.equals(OUTCOMES) for schema in schemas] == [True, True]


def test_a_call_before_midnight_utc_is_billed_on_the_next_day_in_shanghai():
    before, after = datetime(2026, 10, 31, 15, 59, tzinfo=UTC), datetime(2026, 10, 31, 16, tzinfo=UTC)
    days = days_of(pa.array([before, after, None], pa.timestamp("us", tz="UTC")), "Asia/Shanghai")
    assert days.to_pylist() == [date(2026, 10, 31), date(2026, 11, 1), None]
