"""Show the permit store that a run is there, also while it takes no permit; give up its leases at its end.

Decision: docs/adr/0031-two-runs-of-one-date.md
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from maskmatch.core.errors import StopRun, Unavailable
from maskmatch.permits.steps.claims import Claim
from maskmatch.permits.steps.leases import UNSEEN_SECONDS

log = logging.getLogger(__name__)

SHOWN_EVERY_SECONDS = UNSEEN_SECONDS / 4
_LEAVE_SECONDS = 1.0
"""How long the end waits for a sign that is being given: a stopped task has 5 s for all."""


class LeaseBooks(Protocol):
    """What this needs of a coordinator."""

    def renew(self, claim: Claim) -> None:
        """Show that the holder of the claim's leases is there."""
        ...

    def release(self, shard: str, epoch: int) -> None:
        """Give up a lease."""
        ...


class Presence:
    """Renews the leases of a claim from a thread of its own; use as a context manager."""

    def __init__(
        self, books: LeaseBooks, claim: Callable[[], Claim], *, every_seconds: float = SHOWN_EVERY_SECONDS
    ) -> None:
        self._books = books
        self._claim = claim
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="presence", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is still held: whoever waits for it need not wait until we are missed."""
        self._ended.set()
        self._thread.join(_LEAVE_SECONDS)
        for shard, epoch in self._claim().leases.items():
            try:
                self._books.release(shard, epoch)
            except (Unavailable, StopRun) as away:
                log.warning("the lease of %s stays: %s", shard, away)
                return

    def _show(self) -> None:
        while not self._ended.wait(self._every_seconds):
            claim = self._claim()
            try:
                if claim.leases:
                    self._books.renew(claim)
            except (Unavailable, StopRun) as away:
                log.debug("not seen by the permit store: %s", away)
