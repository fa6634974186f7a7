"""The Dag `republish` on a real Airflow: another threshold, and back again."""

from datetime import UTC, date, datetime

from maskmatch.storage.tables import read_table

DAY = date(2026, 6, 11)
DAG = "republish"


def republished(nights, hour, **params):
    where = {"warehouse": nights.warehouse.uri, "date": str(DAY)}
    run_id = nights.airflow.trigger(DAG, datetime(2026, 6, 12, hour, tzinfo=UTC), where | params)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    return nights.outcomes(DAY)


def test_a_date_is_published_with_another_threshold_and_comes_back_without_a_call(nights, pairs):
    pairs(DAY, 10)
    assert nights.run(DAY)[0] == "success"
    first, billed = nights.outcomes(DAY), nights.service.meter()["billed"]
    nights.airflow.wait_for_dag(DAG)
    nights.airflow.unpause(DAG)
    strict = republished(nights, 1, nominal_fmr=0.00001)
    assert set(strict["threshold"].dropna()) == {60.0} != set(first["threshold"].dropna())
    back = republished(nights, 2, publication=first["publication"].iloc[0])
    assert back["threshold"].equals(first["threshold"])
    assert back["score"].equals(first["score"])
    assert nights.service.meter()["billed"] == billed
    rows = read_table(nights.warehouse, "runs", DAY).to_pylist()
    name = first["publication"].iloc[0]
    assert [row["reason"] for row in rows] == ["run", "republish", f"rollback to {name}"]
    assert [row["published_by"].split(" for ")[0] for row in rows[1:]] == ["republish.republish"] * 2
    assert rows[0]["permits_used"] == rows[0]["billed_calls"] == 10
    assert rows[0]["permits_without_record"] == 0
