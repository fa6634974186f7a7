"""Call failed pairs of published dates anew: the Dag of maskmatch, for Airflow."""

from maskmatch.dags import redrive_failures

dag = redrive_failures(source="s3://maskmatch/source", warehouse="s3://maskmatch/warehouse")
