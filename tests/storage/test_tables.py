import io
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import pyarrow.parquet as pq
import pytest

from maskmatch.storage.object_stores import FileStore
from maskmatch.storage.tables import (
    OUTCOMES,
    RUNS,
    outcomes_key,
    outcomes_table,
    read_outcomes,
    to_parquet,
    write_outcomes,
    write_run,
)

DAY = date(2026, 1, 2)


def row(name, **changes):
    fields = {
        "publication": "p",
        "pair_id": name,
        "manifest_file": "f.csv",
        "manifest_row": 2,
        "outcome": "scored",
        "score": 55.25,
        "cost": 0.0032,
        "called_at": datetime(2026, 1, 2, 3, tzinfo=UTC),
    }
    return fields | changes


def test_the_first_column_is_the_publication_and_the_schema_the_documented_one(tmp_path):
    table = outcomes_table([row("a")])
    assert table.schema.names[0] == "publication"
    assert table.schema.equals(OUTCOMES)


def test_rows_stand_in_the_order_of_pair_ids():
    table = outcomes_table([row("b"), row("a"), row(None, manifest_row=9)])
    assert table["pair_id"].to_pylist() == [None, "a", "b"]


def test_the_same_rows_make_the_same_bytes():
    assert to_parquet(outcomes_table([row("a"), row("b")])) == to_parquet(
        outcomes_table([row("b"), row("a")])
    )


def test_publishing_again_replaces_the_date_whole(store):
    write_outcomes(store, outcomes_key(DAY), outcomes_table([row("a"), row("b")]))
    write_outcomes(store, outcomes_key(DAY), outcomes_table([row("c")]))
    assert read_outcomes(store, DAY)["pair_id"].to_pylist() == ["c"]
    assert [found.key for found in store.list("outcomes/")] == [outcomes_key(DAY)]


def test_pandas_reads_the_prefix_on_s3_as_one_table(s3_store, seaweed, monkeypatch):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    for day in (DAY, date(2026, 1, 3)):
        write_outcomes(s3_store, outcomes_key(day), outcomes_table([row("a"), row("b")]))
    frame = pd.read_parquet(f"{s3_store.uri}/outcomes/current")
    assert sorted(frame["ds"].astype(str).unique()) == ["2026-01-02", "2026-01-03"]
    assert len(frame) == 4
    assert round(frame["cost"].sum(), 6) == 0.0128


def test_duckdb_reads_the_prefix_as_one_table(tmp_path):
    store = FileStore(tmp_path)
    write_outcomes(
        store, outcomes_key(DAY), outcomes_table([row("a"), row("b", attributes=[("attr_mask", "both")])])
    )
    write_outcomes(store, outcomes_key(date(2026, 1, 3)), outcomes_table([row("a")]))
    query = f"""
        select ds, count(*), round(sum(cost), 6) from read_parquet('{tmp_path}/outcomes/current/**/*.parquet',
            hive_partitioning=1, union_by_name=1) group by ds order by ds"""
    with duckdb.connect() as connection:
        assert connection.sql(query).fetchall() == [
            (DAY, 2, 0.0064),
            (date(2026, 1, 3), 1, 0.0032),
        ]


def test_duckdb_reads_the_prefix_on_s3(s3_store, seaweed):
    for number in (2, 3):
        write_outcomes(s3_store, outcomes_key(date(2026, 1, number)), outcomes_table([row("a"), row("b")]))
    extension = Path(duckdb_extension_httpfs.__file__).parent.glob("extensions/*/httpfs.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"load '{next(extension)}'")
        connection.execute(f"""
            create secret (type s3, use_ssl false, key_id '{seaweed.access_key}',
                secret '{seaweed.secret_key}',
                endpoint '{seaweed.endpoint_url.removeprefix("http://")}', url_style 'path')""")
        query = f"""
            select ds, count(*) from read_parquet('{s3_store.uri}/outcomes/current/**/*.parquet',
                hive_partitioning = 1, union_by_name = 1) group by ds order by ds"""
        assert connection.sql(query).fetchall() == [(DAY, 2), (date(2026, 1, 3), 2)]


def test_a_run_has_one_row_that_a_repetition_replaces(store):
    for _ in range(2):
        write_run(store, DAY, {"run_id": "scheduled__2026-01-02T02:00:00+00:00", "scored": 3})
    write_run(store, DAY, {"run_id": "manual__x", "scored": 4})
    keys = [found.key for found in store.list("runs/current/ds=2026-01-02/")]
    assert len(keys) == 2
    assert pq.read_schema(io.BytesIO(store.get(keys[0]))).names == RUNS.names


@pytest.mark.parametrize("name", ["../../escape", "a" * 300, "weird id?*"])
def test_a_strange_run_id_makes_a_tame_key(store, name):
    write_run(store, DAY, {"run_id": name, "scored": 1})
    (found,) = store.list("runs/")
    assert found.key.startswith("runs/current/ds=2026-01-02/")
    assert len(found.key) < 200
