from datetime import date

from maskmatch.core.planning import (
    ManifestFile,
    Plan,
    PlanOptions,
    SameImage,
    Shard,
    plan_id,
    shard_count,
    work_id,
)


def test_the_same_manifests_make_the_same_plan_and_a_changed_one_another():
    files, options = [ManifestFile("a.csv", "etag1", 10)], PlanOptions()
    work = work_id("s3://in", files, options, "images")
    assert work == work_id(
        "s3://in", [ManifestFile("a.csv", "etag1", 10)], PlanOptions(max_shards=8), "images"
    )
    others = {
        work_id("s3://in", [ManifestFile("a.csv", "etag2", 10)], options, "images"),
        work_id("s3://other", files, options, "images"),
        work_id("s3://in", files, options, "other images"),
        work_id("s3://in", files, PlanOptions(quality_control=1), "images"),
        work_id("s3://in", files, PlanOptions(same_image=SameImage.SKIP), "images"),
        work_id("s3://in", files, PlanOptions(strata_attribute="attr_site"), "images"),
    }
    assert len(others | {work}) == 7
    names = [
        plan_id(work, options, shards=1),
        plan_id(work, options, shards=2),
        plan_id(work, options, shards=1, answers="some"),
        plan_id(work, PlanOptions(repetition="again"), shards=1),
    ]
    assert len(set(names)) == 4


def test_shards_grow_with_the_pairs_up_to_the_limit():
    assert [shard_count(pairs, at_most=4) for pairs in (0, 1, 3001, 10**9)] == [1, 1, 2, 4]
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
        shards=(Shard("s", 4, rest=2, known=1),),
        bad_row_codes={"row_malformed": 1},
        conditional_writes=True,
    )
    assert Plan.from_record(plan.to_record()) == plan
    assert Plan.from_record(plan.to_record() | {"format": 0}) is None
    assert plan.pairs == 4
