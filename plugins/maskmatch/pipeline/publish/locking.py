"""A lock in the permit store, for stores of tables that know no conditional writes.

Decision: docs/adr/0027-publication.md
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

from maskmatch.core.clock import Clock, SystemClock
from maskmatch.core.errors import Unavailable
from maskmatch.core.waits import Waits
from maskmatch.permits.client.patience import patiently
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.storage.publications import Lock

log = logging.getLogger(__name__)

LOCK_SECONDS = 900.0
"""Longer than it takes to write the largest table; whoever was killed keeps others away so long."""
_LOOK_SECONDS = 1.0


def lock_in(
    open_coordinator: Callable[[], PermitCoordinator], *, waits: Waits | None, clock: Clock | None = None
) -> Lock:
    """Return what keeps all others away from an object while it is looked at and written.

    While the permit store is away it waits, as all that needs a permit does, and tells `waits`.
    """
    clock = clock or SystemClock()
    ask = partial(patiently, now=clock.now, pause=clock.sleep, say=log.warning, waits=waits)

    @contextmanager
    def alone(name: str) -> Iterator[None]:
        holder = secrets.token_hex(8)
        with closing(open_coordinator()) as coordinator:
            while not ask(lambda: coordinator.lock(name, holder, seconds=LOCK_SECONDS)):
                clock.sleep(_LOOK_SECONDS)
            try:
                yield
            finally:
                try:
                    ask(lambda: coordinator.unlock(name, holder))
                except Unavailable as away:
                    log.warning("the lock of %s stays, for %.0f s at most: %s", name, LOCK_SECONDS, away)

    def lock(name: str) -> AbstractContextManager[object]:
        return alone(name)

    return lock
