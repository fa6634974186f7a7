"""Publish a date again without a call: the Dag of maskmatch, for Airflow."""

from maskmatch.dags import republish

dag = republish(source="s3://maskmatch/source", warehouse="s3://maskmatch/warehouse")
