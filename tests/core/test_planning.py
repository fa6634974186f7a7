from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.pairs import Place, bad_row
from maskmatch.core.planning import (
    ManifestFile,
    Plan,
    PlanOptions,
    Shard,
    Sorter,
    plan_id,
    shard_count,
    work_id,
)
from tests.fakes import pair


def sorted_from(*rows):
    sorter = Sorter([[]], 0)
    sorter.add_all(rows)
    sorter.settle()
    return sorter


@given(st.lists(st.text(min_size=1, max_size=4)), st.integers(1, 8))
def test_every_row_ends_up_in_one_shard_or_among_the_bad_rows(names, shards):
    sorter = Sorter([[] for _ in range(shards)], 2)
    sorter.add_all(pair(name, quality_control=None) for name in names)
    sorter.settle()
    placed = [found for shard in sorter.in_call_order() for found in shard]
    assert Counter(found.pair_id for _, found in placed) == Counter(set(names))
    assert len(placed) + len(sorter.repeats) == sorter.rows == len(names)
    assert sorter.bad_rows == []
    assert len({order for order, _ in placed}) == len(placed)
    assert all(found.quality_control == 2 for _, found in placed)


def test_a_pair_that_stands_twice_is_one_pair_with_two_rows():
    sorter = sorted_from(
        pair("a", manifest_row=2), pair("a", manifest_row=9), pair("a", quality_control=None)
    )
    assert (len(sorter.shards[0]), len(sorter.repeats), sorter.bad_rows) == (1, 2, [])


@pytest.mark.parametrize("change", [{"reference_id": "other"}, {"probe_id": "other"}, {"quality_control": 1}])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_pair_id_of_two_comparisons_is_an_error_of_all_its_rows_in_any_order(change, order):
    rows = [pair("a", manifest_row=2), pair("a", manifest_row=3), pair("a", manifest_row=9, **change)]
    sorter = sorted_from(*[rows[place] for place in order], pair("b"))
    found = {(bad.code, bad.manifest_row, bad.pair_id) for bad in sorter.bad_rows}
    assert found == {("pair_id_repeated", row, "a") for row in (2, 3, 9)}
    assert [each.pair_id for each in sorter.shards[0]] == ["b"]
    assert all("pairs.csv record" in bad.message.partition(":")[2] for bad in sorter.bad_rows)


def test_a_row_id_that_two_rows_bring_is_an_error_of_both():
    sorter = sorted_from(pair("a", row_id="r"), pair("b", row_id="r"), pair("c", row_id="s"))
    assert [(bad.code, bad.pair_id) for bad in sorter.bad_rows] == [
        ("row_id_repeated", "a"),
        ("row_id_repeated", "b"),
    ]
    assert len(sorter.shards[0]) == 1


def test_bad_rows_do_not_stop_the_good_ones():
    sorter = sorted_from(*[bad_row(Place(file="f", record=1), code="row_malformed", why="short"), pair("a")])
    assert (sorter.rows, len(sorter.bad_rows), len(sorter.shards[0])) == (2, 1, 1)


def test_the_call_order_is_a_shuffle_of_the_manifest():
    sorter = sorted_from(*[pair(f"{number:04d}") for number in range(1000)])
    first = [int(found.pair_id) for _, found in sorter.in_call_order()[0][:100]]
    assert 350 < sum(first) / 100 < 650


def test_the_same_manifests_make_the_same_plan_and_a_changed_one_another():
    files, options = [ManifestFile("a.csv", "etag1", 10)], PlanOptions()
    work = work_id("s3://in", files, options)
    assert work == work_id("s3://in", [ManifestFile("a.csv", "etag1", 10)], PlanOptions(max_shards=8))
    others = {
        work_id("s3://in", [ManifestFile("a.csv", "etag2", 10)], options),
        work_id("s3://other", files, options),
        work_id("s3://in", files, PlanOptions(quality_control=1)),
        plan_id(work, PlanOptions(repetition="again")),
    }
    assert len(others | {work}) == 5
    assert plan_id(work, options) == work


def test_shards_grow_with_the_manifest_up_to_the_limit():
    assert [shard_count(size, at_most=4) for size in (1, 300_000, 10**9)] == [1, 2, 4]
    assert shard_count(10**12, at_most=999) == 32


def test_a_plan_comes_back_from_its_record():
    plan = Plan(
        plan_id="abc",
        work_id="abc",
        day=date(2026, 1, 2),
        folder="work",
        manifests=(ManifestFile("k", "e", 3),),
        rows=5,
        bad_rows=1,
        bad_rows_key="bad",
        shards=(Shard("s", 4),),
        conditional_writes=True,
    )
    assert Plan.from_record(plan.to_record()) == plan
    assert Plan.from_record(plan.to_record() | {"format": 0}) is None
    assert plan.pairs == 4
