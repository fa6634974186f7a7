"""From Airflow connections to what the pipeline needs."""
