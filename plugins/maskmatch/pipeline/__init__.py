"""The steps of a run, each a file: plan, compare, publish, report; `status` looks at one from outside.

The Dag's operators and the command line call these functions; nothing here knows Airflow.
"""
