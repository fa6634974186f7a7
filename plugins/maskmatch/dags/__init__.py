"""The Dags, as functions that a file of Airflow's Dag folder calls with what is special to an installation.

    from maskmatch.dags import nightly_comparison

    dag = nightly_comparison(
        "faces_nightly",
        schedule="0 2 * * *",
        timezone="Asia/Shanghai",
        source="s3://faces/source",
        warehouse="s3://faces/warehouse",
        params={"max_shards": 8},
    )

A file may call several, and each several times, with ids of their own. It must hold the words airflow and dag
somewhere: Airflow's safe mode skips any other file without a word.

Decision: docs/adr/0030-into-an-airflow-that-is-there.md
"""

from maskmatch.dags.nightly import nightly_comparison
from maskmatch.dags.on_assets import compare_on_assets
from maskmatch.dags.redrive import redrive_failures
from maskmatch.dags.republish import republish

__all__ = ["compare_on_assets", "nightly_comparison", "redrive_failures", "republish"]
