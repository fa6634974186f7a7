"""Which priority an Airflow run has, in permits and in slots alike."""

from maskmatch.permits.steps.claims import Priority

_PRIORITIES = {
    "scheduled": Priority.NIGHTLY,
    "operator_triggered": Priority.NIGHTLY,
    "backfill": Priority.BACKFILL,
}


def priority_of(run_type: str) -> Priority:
    """Return the priority of an Airflow run; what a person or an asset has started is ad hoc.

    One that another Dag has started, such as `compare_on_assets`, stands for a scheduled one.
    """
    return _PRIORITIES.get(run_type, Priority.AD_HOC)
