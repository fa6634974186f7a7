"""SQL views over a warehouse whose folder has an odd name, or lies elsewhere by now."""

import shutil

import duckdb
import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.object_stores import FileStore
from maskmatch.storage.views import views_sql
from tests.pipeline.publish.made import night, published


def counts(warehouse) -> list[int]:
    """Return the rows of the views that find their files by names and by pointers."""
    with duckdb.connect() as connection:
        connection.execute(views_sql(warehouse))
        names = ("outcomes", "outcomes_strict", "outcomes_history", "publications")
        return [connection.sql(f"select count(*) from {name}").fetchall()[0][0] for name in names]


@pytest.mark.parametrize("name", ["a b", "[1]", "a*?b", "%41", "王'x", "$place"])
def test_whatever_a_folder_is_called_its_tables_are_found(tmp_path, name):
    run, plan = night(tmp_path / name, 3)
    published(run, plan)
    (tmp_path / "1").mkdir()
    assert counts(run.warehouse.uri) == [3, 3, 3, 1]


def test_a_warehouse_that_was_copied_is_read_where_it_lies_now(tmp_path):
    run, plan = night(tmp_path / "first", 3)
    published(run, plan)
    shutil.move(tmp_path / "first" / "warehouse", tmp_path / "second")
    assert counts(FileStore(tmp_path / "second").uri) == [3, 3, 3, 1]


def test_what_is_no_address_is_refused():
    with pytest.raises(InputError, match="is not a storage address"):
        views_sql("warehouse")
