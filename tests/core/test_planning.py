from collections import Counter
from datetime import date

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


@given(st.lists(st.text(min_size=1, max_size=4)), st.integers(1, 8))
def test_every_row_ends_up_in_one_shard_or_among_the_bad_rows(names, shards):
    sorter = Sorter([[] for _ in range(shards)], 2)
    sorter.add_all(pair(name, quality_control=None) for name in names)
    placed = [found for shard in sorter.in_call_order() for found in shard]
    assert Counter(found.pair_id for _, found in placed) == Counter(set(names))
    assert len(placed) + len(sorter.bad_rows) == sorter.rows == len(names)
    assert len({order for order, _ in placed}) == len(placed)
    assert all(found.quality_control == 2 for _, found in placed)


def test_a_repeated_pair_id_is_a_bad_row_that_names_its_own_line():
    sorter = Sorter([[]], 0)
    sorter.add_all([pair("a", manifest_row=2), pair("a", manifest_row=9)])
    (bad,) = sorter.bad_rows
    assert (bad.code, bad.manifest_row, bad.pair_id) == ("pair_id_repeated", 9, "a")


def test_bad_rows_do_not_stop_the_good_ones():
    sorter = Sorter([[]], 0)
    sorter.add_all([bad_row(Place(file="f", record=1), code="row_malformed", why="short"), pair("a")])
    assert (sorter.rows, len(sorter.bad_rows), len(sorter.shards[0])) == (2, 1, 1)


def test_the_call_order_is_a_shuffle_of_the_manifest():
    sorter = Sorter([[]], 0)
    sorter.add_all(pair(f"{number:04d}") for number in range(1000))
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
