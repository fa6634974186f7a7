"""The Dag `redrive_failures` on a real Airflow."""

from datetime import UTC, date, datetime

from devstack.pictures import JPEG_HEAD
from maskmatch.storage.tables import read_table

DAY, EMPTY = date(2026, 6, 1), date(2026, 6, 2)
DAG = "redrive_failures"


def test_chosen_failures_of_several_dates_are_merged_and_dates_without_any_are_skipped(nights, pairs):
    pairs(DAY, 20, extra_lines=["late,images/1.jpg,late/1.jpg,,", "gone,images/2.jpg,gone/1.jpg,,"])
    pairs(EMPTY, 5)
    names = {"manifest_columns": "reference_id=enrolled"}
    for day in (DAY, EMPTY):
        key = f"manifests/ds={day}/pairs.csv"
        nights.source.put(key, nights.source.get(key).replace(b"reference_id", b"enrolled"))
        assert nights.run(day, **names)[0] == "success"
    before, billed = nights.outcomes(DAY).set_index("pair_id"), nights.service.meter()["billed"]
    nights.source.put("late/1.jpg", JPEG_HEAD + b"late")
    nights.airflow.wait_for_dag(DAG)
    nights.airflow.unpause(DAG)
    where = {"source": nights.source.uri, "warehouse": nights.warehouse.uri}
    chosen = {"dates": [str(DAY), str(EMPTY)], "codes": ["image_missing"]}
    run_id = nights.airflow.trigger(DAG, datetime(2026, 6, 3, tzinfo=UTC), where | chosen | names)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    states = {each["map_index"]: each["state"] for each in nights.airflow.task_instances(DAG, run_id)}
    assert states == {-1: "success", 0: "success", 1: "skipped"}
    after = nights.outcomes(DAY).set_index("pair_id")
    assert nights.service.meter()["billed"] == billed + 1
    assert (after.loc["late", "outcome"], after.loc["gone", "failure_code"]) == ("scored", "image_missing")
    others = before.index.difference(["late"])
    assert after.loc[others, "score"].equals(before.loc[others, "score"])
    row = read_table(nights.warehouse, "runs", DAY).sort_by("run_seq").to_pylist()[-1]
    assert (row["billed_calls"], row["permits_used"]) == (1, None)  # those of both dates are one count
    assert after["publication"].iloc[0] != before["publication"].iloc[0]
