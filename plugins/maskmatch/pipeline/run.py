"""What all steps of a run share."""

import logging
import threading
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from maskmatch.core.waits import Waits
from maskmatch.storage.object_stores import PatientStore, Store

log = logging.getLogger(__name__)

STORE_PATIENCE_SECONDS = 300.0
"""A key that expires is renewed within minutes; a store that restarts is back sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's name and date, and where it reads manifests and images and writes all else.

    A trouble of a store that may pass is waited for `store_patience` seconds, then it ends the task; `dag_id`
    tells runs of two Dags apart that bear one id.
    """

    source: Store
    warehouse: Store
    day: date
    run_id: str
    store_patience: float = STORE_PATIENCE_SECONDS
    waits: Waits | None = None
    dag_id: str = ""

    @property
    def name(self) -> str:
        """Return what no other run is called."""
        return f"run {self.run_id}" + (f" of {self.dag_id}" if self.dag_id else "")

    def patient(self, stop: threading.Event | None = None) -> Self:
        """Return the same run with stores that wait while they are in trouble."""
        return replace(self, source=self.patient_source(stop), warehouse=self.patient_warehouse(stop))

    def patient_source(self, stop: threading.Event | None = None) -> PatientStore:
        """Return the source, which waits while it is in trouble."""
        return self._patient(self.source, stop)

    def patient_warehouse(self, stop: threading.Event | None = None) -> PatientStore:
        """Return the warehouse, which waits while it is in trouble."""
        return self._patient(self.warehouse, stop)

    def _patient(self, store: Store, stop: threading.Event | None) -> PatientStore:
        return PatientStore(
            store, patience_seconds=self.store_patience, say=log.warning, stop=stop, waits=self.waits
        )
