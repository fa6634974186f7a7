"""Each row has an id of its own, whatever file, order or format it comes in."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from maskmatch.pipeline.plan import make_plan
from maskmatch.storage import plans
from tests.nights import DAY, night_in
from tests.storage.manifests.reading import FORMATS

ROWS = [
    {"pair_id": "p", "reference_id": "a", "probe_id": "b"},
    {"pair_id": "p", "reference_id": "a", "probe_id": "b"},
    {"pair_id": "r", "reference_id": "a", "probe_id": "b", "quality_control": 1},
    {"pair_id": "q", "reference_id": "a", "probe_id": "b"},
]


def ids_of(folder, *files, name="x.jsonl"):
    """Return the row ids of manifests with some rows each, in order."""
    with TemporaryDirectory(dir=folder) as home:
        run = night_in(Path(home))
        for number, rows in enumerate(files):
            run.source.put(f"manifests/ds={DAY}/{number}-{name}", FORMATS[name](list(rows)))
        plan = make_plan(run)
        assert not plan.bad_rows
        found = [row_of for shard in plan.shards for row_of in _rows(run.warehouse, shard)]
        return [
            pair.row_id for pair in sorted(found, key=lambda pair: (pair.manifest_file, pair.manifest_row))
        ]


def _rows(warehouse, shard):
    yield from (pair for _, pair in plans.read_shard(warehouse, shard.key))
    yield from (pair for pair, *_ in plans.read_rest(warehouse, shard))


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
