"""Which priority an Airflow run has, in permits and in slots alike."""

from maskmatch.permits.steps.claims import Priority

_PRIORITIES = {"scheduled": Priority.NIGHTLY, "backfill": Priority.BACKFILL}


def priority_of(run_type: str) -> Priority:
    """Return the priority of an Airflow run; what a person or an asset has started is ad hoc."""
    return _PRIORITIES.get(run_type, Priority.AD_HOC)
