from datetime import date

import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import find_manifests

DAY = date(2026, 1, 2)
FOLDER = "manifests/ds=2026-01-02"


def test_the_manifests_of_a_date_are_found_in_order(store):
    for name in ("b.CSV", "a.jsonl.gz", "sub/c.parquet", "_SUCCESS", ".hidden.csv", "d.xlsx", "e.tsv.zst"):
        store.put(f"{FOLDER}/{name}", b"x")
    store.put("manifests/ds=2026-01-03/other.csv", b"x")
    found = [key.removeprefix(f"{FOLDER}/") for key in find_manifests(store, DAY)]
    assert found == ["a.jsonl.gz", "b.CSV", "d.xlsx", "e.tsv.zst", "sub/c.parquet"]


@pytest.mark.parametrize("name", ["pairs.csv.rar", "pairs.doc", "notes"])
def test_a_file_that_cannot_be_read_is_never_left_out_unseen(store, name):
    store.put(f"{FOLDER}/a.csv", b"x")
    store.put(f"{FOLDER}/{name}", b"x")
    with pytest.raises(InputError, match=f"{name} is no manifest: rename it to end in .csv"):
        find_manifests(store, DAY)


def test_a_date_without_manifests_says_where_to_put_one(store):
    with pytest.raises(InputError, match=r"no manifest at .*/manifests/ds=2026-01-02/: put one there"):
        find_manifests(store, DAY)
