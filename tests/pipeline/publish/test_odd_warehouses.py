"""Publishing where others have removed, spoilt or hidden what lies in the warehouse, or answers were lost."""

from dataclasses import replace
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from maskmatch.core.errors import InputError, ObjectExists
from maskmatch.pipeline.publish import publish_again
from maskmatch.storage.object_stores import S3Store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.tables import current_key, history_key, history_prefix, pointer_key, read_table
from tests.nights import DAY
from tests.pipeline.publish.made import (
    OPTIONS,
    answer,
    night,
    pointed,
    publication_of,
    published,
    state,
)
from tests.s3 import client_of
from tests.storage.journals import Faulty


def published_again(run, plan, *, score=90.0):
    """Publish other scores than before; check that all tables and pointers are of this publication."""
    answer(run.warehouse, plan, score=score)
    name = published(run, plan)
    assert {publication_of(run.warehouse, table) for table in TABLES} == {name}
    assert {pointed(run.warehouse, table)["run_seq"] for table in TABLES} == {int(name[:6])}
    return name


def test_a_date_whose_history_was_removed_is_published_under_a_higher_number(tmp_path):
    run, plan = night(tmp_path, 3)
    for score in (10.0, 20.0):
        published_again(run, plan, score=score)
    for table in TABLES:
        for found in list(run.warehouse.list(history_prefix(table, DAY))):
            run.warehouse.delete(found.key)
    assert published_again(run, plan).startswith("000003-")


def test_a_number_is_found_though_the_list_of_the_history_is_late(tmp_path):
    class Late(Faulty):
        def list(self, prefix, *, page=1000):
            return (found for found in self._store.list(prefix, page=page) if "/_runs/" not in found.key)

    run, plan = night(tmp_path, 3)
    published(run, plan)
    for number in (2, 3):
        run.warehouse.put(f"{history_prefix('outcomes', DAY)}{number:06d}.json", b"{}")
    assert published_again(replace(run, warehouse=Late(run.warehouse)), plan).startswith("000004-")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"run_seq": "x", "rows": 1}', b'{"run_seq": 9}', b"\xff"]
)
@pytest.mark.parametrize("table", ["outcomes", "runs"])
def test_a_pointer_that_cannot_be_read_is_written_anew(tmp_path, table, data):
    run, plan = night(tmp_path, 3)
    published(run, plan)
    run.warehouse.put(pointer_key(table, DAY), data)
    published_again(run, plan)


@pytest.mark.server
def test_an_empty_object_in_the_place_of_a_table_or_pointer_is_replaced_in_s3(tmp_path, seaweed):
    client = client_of(seaweed)
    store = S3Store(client, bucket="maskmatch", prefix=f"odd/{uuid4().hex}")
    run, plan = night(tmp_path, 3)
    for found in run.warehouse.list("work/"):
        store.put(found.key, run.warehouse.get(found.key))
    run = replace(run, warehouse=store, store_patience=1)
    published(run, plan)
    for table in TABLES:
        store.put(current_key(table, DAY), b"")
        store.put(pointer_key(table, DAY), b"")
    published_again(run, plan)
    client.close()


@pytest.mark.parametrize("lost", range(1, 14))
def test_whose_write_is_said_to_have_met_another_though_it_landed_has_all_tables_and_rows(tmp_path, lost):
    run, plan = night(tmp_path, 3)
    first = published(run, plan)
    left = [lost]

    def lose(operation, key):
        left[0] -= operation in ("put", "swap") and "_probe" not in key
        if not left[0]:
            left[0] = -1
            raise ObjectExists("412, since a request that was repeated had landed")

    unlucky = Faulty(run.warehouse)
    unlucky.after = lose
    name = published_again(replace(run, warehouse=unlucky), plan)
    assert read_table(run.warehouse, "runs", DAY)["publication"].to_pylist() == [first, name]
    for table in TABLES:
        assert run.warehouse.head(pointed(run.warehouse, table)["path"].removeprefix(f"{run.warehouse.uri}/"))


def test_a_rollback_keeps_the_calls_that_were_paid_since(tmp_path):
    run, plan = night(tmp_path, 3)
    first = published(run, plan)
    published_again(run, plan)
    name = publish_again(run, first, OPTIONS)["publication"]
    assert state(run.warehouse) == ({name}, {55.0})
    attempts = read_table(run.warehouse, "attempts", DAY)
    assert (attempts.num_rows, set(attempts["publication"].to_pylist())) == (6, {name})


def test_a_rollback_to_what_is_not_whole_any_more_says_so_and_changes_nothing(tmp_path):
    run, plan = night(tmp_path, 3)
    first = published(run, plan)
    published_again(run, plan)
    before = state(run.warehouse)
    run.warehouse.delete(history_key("images", DAY, first))
    with pytest.raises(InputError, match=f"the history has no images of {first} any more"):
        publish_again(run, first, OPTIONS)
    assert state(run.warehouse) == before


def test_a_rollback_to_a_publication_before_a_column_was_added_leaves_it_empty(tmp_path):
    run, plan = night(tmp_path, 3)
    first = published(run, plan)
    path = tmp_path / "warehouse" / history_key("outcomes", DAY, first)
    file = pq.ParquetFile(path)
    older = file.read().drop_columns(["latency_ms"])
    metadata = older.schema.metadata | file.metadata.metadata
    del metadata[b"ARROW:schema"]
    pq.write_table(older.replace_schema_metadata(metadata), path)
    published_again(run, plan)
    publish_again(run, first, OPTIONS)
    table = read_table(run.warehouse, "outcomes", DAY)
    assert table.schema.equals(TABLES["outcomes"])
    assert table["latency_ms"].null_count == table.num_rows == 3


@pytest.mark.parametrize("name", ["000001", "../../work/ds=2026-01-02/newest", "a\0b", "000001-A", " "])
def test_what_is_no_name_of_a_publication_is_looked_for_nowhere(tmp_path, name):
    run, plan = night(tmp_path, 3)
    published(run, plan)
    with pytest.raises(InputError, match="has no publication"):
        publish_again(run, name, OPTIONS)
