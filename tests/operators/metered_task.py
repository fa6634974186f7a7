"""Compare one shard as Airflow's task does, in a process of its own, with an exporter of metrics."""

import sys

from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from maskmatch.operators import CompareMaskFaceOperator
from tests.operators.test_compare import Told


def main(source: str, warehouse: str, day: str, plan: str, shard: str) -> None:
    """Compare; what is left in an exporter leaves with the process."""
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
    task = CompareMaskFaceOperator(
        task_id="compare", source=source, warehouse=warehouse, day=day, plan=plan, shard=shard
    )
    task.execute(Told().context("scheduled"))


if __name__ == "__main__":
    main(*sys.argv[1:])
