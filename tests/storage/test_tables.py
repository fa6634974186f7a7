"""Tables where readers look for them, and the files that they are."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import pyarrow.parquet as pq

from maskmatch.storage.object_stores import FileStore
from maskmatch.storage.publications import read_facts
from maskmatch.storage.schemas import OUTCOMES
from maskmatch.storage.table_files import GROUP_BYTES, GROUP_ROWS, TableWriter
from tests.tables import outcomes_table, table_bytes, write_outcomes

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


def test_the_first_column_is_the_publication_and_the_schema_the_documented_one():
    found = pq.ParquetFile(io.BytesIO(table_bytes(outcomes_table([row("a")]), run_seq=7)))
    assert found.schema_arrow.names[0] == "publication"
    assert found.schema_arrow.equals(OUTCOMES)
    assert read_facts(found.metadata).run_seq == 7


def test_rows_come_in_groups_whatever_portions_they_are_given_in():
    file = TableWriter(OUTCOMES, salt=3, looked_up=["pair_id"])
    portion = outcomes_table([row(f"p{number}") for number in range(1000)])
    for _ in range(140):
        file.add(portion)
    file.finish({"a": "b"})
    found = pq.ParquetFile(file.path)
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [GROUP_ROWS, 140_000 - GROUP_ROWS]
    assert file.rows == 140_000
    assert found.metadata.metadata[b"a"] == b"b"
    file.close()


def test_rows_with_long_attributes_come_in_smaller_groups_and_are_all_there():
    file = TableWriter(OUTCOMES, salt=3)
    attributes = [(f"attr_{number}", f"{number:02d}" * 512) for number in range(20)]
    portion = outcomes_table([row(f"p{number}", attributes=attributes) for number in range(2000)])
    count = 2 * GROUP_BYTES // portion.nbytes
    for _ in range(count):
        file.add(portion)
    file.finish({})
    found = pq.ParquetFile(file.path)
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sum(sizes) == 2000 * count < GROUP_ROWS
    assert max(sizes) * portion.nbytes / 2000 <= 1.5 * GROUP_BYTES
    assert found.read_row_group(0)["attributes"][1999].as_py() == attributes
    file.close()


def test_pandas_reads_the_prefix_on_s3_as_one_table(s3_store, seaweed, monkeypatch):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    for day in (DAY, date(2026, 1, 3)):
        write_outcomes(s3_store, day, [row("a"), row("b")])
    frame = pd.read_parquet(f"{s3_store.uri}/outcomes/current")
    assert sorted(frame["ds"].astype(str).unique()) == ["2026-01-02", "2026-01-03"]
    assert len(frame) == 4
    assert round(frame["cost"].sum(), 6) == 0.0128


def test_duckdb_reads_the_prefix_as_one_table(tmp_path):
    store = FileStore(tmp_path)
    write_outcomes(store, DAY, [row("a"), row("b", attributes=[("attr_mask", "both")])])
    write_outcomes(store, date(2026, 1, 3), [row("a")])
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
        write_outcomes(s3_store, date(2026, 1, number), [row("a"), row("b")])
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
