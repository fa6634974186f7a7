"""The command line: the pipeline without Airflow."""
