"""Bad rows are written as they come, and the file is there when all are."""

import pyarrow.parquet as pq
import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow
from maskmatch.storage import bad_row_files
from maskmatch.storage.bad_row_files import writing_bad_rows

ROWS = [
    BadRow(manifest_file="x.csv", manifest_row=n, code="row_malformed", message="no", row_id=f"r{n}")
    for n in range(25)
]


@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet"])
def test_rows_are_written_as_they_come(tmp_path, name, monkeypatch):
    monkeypatch.setattr(bad_row_files, "_AT_ONCE", 10)
    path = tmp_path / name
    with writing_bad_rows(path) as take:
        for row in ROWS:
            take([row])
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
    if name.endswith(".parquet"):
        assert pq.read_metadata(path).num_row_groups == 3
        assert pq.read_table(path)["manifest_row"].to_pylist() == list(range(25))
    else:
        assert len(path.read_text(encoding="utf-8-sig").splitlines()) == 26


@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet"])
def test_an_error_of_the_reading_leaves_no_file_and_is_told_as_it_is(tmp_path, name):
    def read():
        take(ROWS)
        raise ConnectionError("of the store")

    with pytest.raises(ConnectionError, match="of the store"), writing_bad_rows(tmp_path / name) as take:
        read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet"])
def test_what_hinders_writing_is_told(tmp_path, name):
    (tmp_path / f".{name}.part").mkdir()
    with pytest.raises(InputError, match=f"{name} cannot be written"), writing_bad_rows(tmp_path / name):
        pass
