"""Each row has an id of its own, whatever file, order or format it comes in."""

import itertools

import pytest

from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.storage.manifests import Manifests
from maskmatch.storage.object_stores import FileStore
from tests.storage.manifests.reading import FORMATS

ROWS = [
    {"pair_id": "p", "reference_id": "a", "probe_id": "b"},
    {"pair_id": "p", "reference_id": "a", "probe_id": "b"},
    {"pair_id": "p", "reference_id": "a", "probe_id": "b", "quality_control": 1},
    {"pair_id": "q", "reference_id": "a", "probe_id": "b"},
]


def ids_of(folder, *files, name="x.jsonl"):
    """Return the row ids of manifests with some rows each, in order."""
    store = FileStore(folder)
    reader = Manifests(store, ManifestOptions())
    for number, rows in enumerate(files):
        key = f"{number}-{name}"
        store.put(key, FORMATS[name](list(rows)))
        assert not any(reader.read(key))
    return [pair.row_id for pairs in reader.pairs() for pair in pairs]


@pytest.mark.parametrize("name", FORMATS)
def test_rows_have_the_same_ids_in_any_format_order_and_number_of_files(tmp_path, name):
    expected = sorted(ids_of(tmp_path, ROWS))
    assert len(set(expected)) == len(ROWS)
    for order in (ROWS, ROWS[::-1], ROWS[2:] + ROWS[:2]):
        assert sorted(ids_of(tmp_path, order[:1], order[1:], name=name)) == expected


def test_an_id_that_a_row_brings_is_kept_and_not_made_for_another_in_any_order(tmp_path):
    equal, other = ids_of(tmp_path, [ROWS[0], ROWS[3]])
    brought = [{**ROWS[0], "row_id": equal}, {**ROWS[3], "row_id": other}, {**ROWS[3], "row_id": "mine"}]
    rows = [*brought, ROWS[0], ROWS[3]]
    found = {tuple(sorted(ids_of(tmp_path, order))) for order in itertools.permutations(rows)}
    (ids,) = found
    assert len(set(ids)) == len(rows)
    assert {equal, other, "mine"} < set(ids)
