"""What all steps of a run share."""

from dataclasses import dataclass
from datetime import date

from maskmatch.storage.object_stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's name and date, and where it reads manifests and images and writes all else."""

    source: Store
    warehouse: Store
    day: date
    run_id: str
