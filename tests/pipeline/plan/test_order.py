"""Any beginning of a shard is a sample of its calls."""

from collections import Counter

import pytest

from tests.pipeline.plan.dates import date_of, planned
from tests.pipeline.plan.test_same_plan import rows_of


@pytest.mark.parametrize("shards", [1, 3])
def test_each_beginning_has_the_share_of_each_stratum_within_rounding(tmp_path, shards):
    run = date_of(tmp_path, rows_of(9000))
    plan, found = planned(run, max_shards=shards, strata_attribute="attr_site")
    assert len(plan.shards) == shards
    for shard in plan.shards:
        calls = sorted(
            (row for row in found if row["shard"] == shard.key and row["kind"] == "call"),
            key=lambda row: row["call_order"],
        )
        strata = [(row["is_mated"], dict(row["attributes"]).get("attr_site")) for row in calls]
        totals, seen = Counter(strata), Counter()
        for count, stratum in enumerate(strata, 1):
            seen[stratum] += 1
            if count % 50 == 0:
                for each, total in totals.items():
                    assert abs(seen[each] - total * count / len(calls)) <= 2


def test_the_order_has_nothing_to_do_with_that_of_the_manifest(tmp_path):
    _, found = planned(date_of(tmp_path, rows_of(2000)), max_shards=1)
    calls = sorted((row for row in found if row["kind"] == "call"), key=lambda row: row["call_order"])
    first = [int(row["pair_id"][1:]) for row in calls[:200]]
    assert 850 < sum(first) / 200 < 1150


def test_call_orders_are_unique_over_shards_and_grow_in_each(tmp_path):
    plan, found = planned(date_of(tmp_path, rows_of(9000)), max_shards=3)
    calls = [row for row in found if row["kind"] == "call"]
    assert len({row["call_order"] for row in calls}) == len(calls)
    for shard in plan.shards:
        orders = [row["call_order"] for row in calls if row["shard"] == shard.key]
        assert orders == sorted(orders)


@pytest.mark.parametrize(("attribute", "is_told"), [("attr_site", False), ("attr_sight", True), ("", False)])
def test_an_attribute_that_no_manifest_has_is_told(tmp_path, caplog, attribute, is_told):
    plan, _ = planned(date_of(tmp_path, rows_of(20)), strata_attribute=attribute)
    assert plan.pairs
    assert ("no manifest has a column attr_sight" in caplog.text) is is_told
