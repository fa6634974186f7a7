"""A lock in the permit store, for stores of tables that know no conditional writes.

Decision: docs/adr/0027-publication.md
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from maskmatch.core.clock import Clock, SystemClock
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.storage.publications import Lock

LOCK_SECONDS = 900.0
"""Longer than it takes to write the largest table; whoever was killed keeps others away so long."""
_LOOK_SECONDS = 1.0


def lock_in(open_coordinator: Callable[[], PermitCoordinator], clock: Clock | None = None) -> Lock:
    """Return what keeps all others away from an object while it is looked at and written."""
    clock = clock or SystemClock()

    @contextmanager
    def alone(name: str) -> Iterator[None]:
        holder = secrets.token_hex(8)
        with closing(open_coordinator()) as coordinator:
            while not coordinator.lock(name, holder, seconds=LOCK_SECONDS):
                clock.sleep(_LOOK_SECONDS)
            try:
                yield
            finally:
                coordinator.unlock(name, holder)

    def lock(name: str) -> AbstractContextManager[object]:
        return alone(name)

    return lock
