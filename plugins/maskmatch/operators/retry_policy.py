"""What Airflow does when a task fails: try again, or leave it to a person."""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="maskmatch.operators.known_errors.EndedForPerson",
            action=RetryAction.FAIL,
            reason="a person must act; the message says how",
        ),
        RetryRule(
            exception="maskmatch.operators.known_errors.EndedForNow",
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=1),
            reason="service or store away; the next try goes on from the journal",
        ),
    ]
)
