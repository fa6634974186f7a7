"""Compare the pairs of every date, each night: the Dag of maskmatch, for Airflow.

The bucket is that of the demo and of docker-compose.yml. Name yours, and whatever else is yours:
`maskmatch/dags/installation.py` lists the arguments.
"""

from maskmatch.dags import nightly_comparison

dag = nightly_comparison(source="s3://maskmatch/source", warehouse="s3://maskmatch/warehouse")
