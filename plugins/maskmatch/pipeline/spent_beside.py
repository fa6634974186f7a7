"""What an account has spent, written beside the tables too: no budget is spent twice after a restore.

    permit store ──each 30 s, and at the end──> work/spent-<account>.json in the warehouse
         └──<── when it has granted fewer permits than stand there: it was lost, or an older one restored

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import logging
import threading
from types import TracebackType
from typing import Self

import msgspec

from maskmatch.core.errors import ObjectMissing
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.spent import Spent
from maskmatch.storage.object_stores import Store

log = logging.getLogger(__name__)

_EVERY_SECONDS, _SOON_SECONDS = 30.0, 5.0
"""Between two looks, and until the first that was possible."""
_LEAVE_SECONDS = 1.0
"""How long the end waits for the last writing: a stopped task has 5 s for all."""


class SpentBeside:
    """Keeps both alike, from a thread of its own after the first look; use as a context manager."""

    def __init__(self, coordinator: PermitCoordinator, warehouse: Store, account: str) -> None:
        self._coordinator = coordinator
        self._warehouse = warehouse
        self._key = f"work/spent-{account}.json"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="spent", daemon=True)

    def __enter__(self) -> Self:
        self._is_alike = self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write a last time, if that takes no long."""
        self._ended.set()
        self._thread.join(_LEAVE_SECONDS)

    def _keep(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS if self._is_alike else _SOON_SECONDS):
            self._is_alike = self._look()
        self._look()

    def _look(self) -> bool:
        """Make both alike; return True if that was possible."""
        try:
            before, now = self._before(), self._coordinator.spent()
            if before and before.granted > now.granted:
                self._recall(before, now)
                now = self._coordinator.spent()
            if now.granted and now != before:
                self._warehouse.put(self._key, msgspec.json.encode(now))
        except Exception as error:  # noqa: BLE001  no pair depends on it, and the next look makes up for it
            log.debug("what was spent is not written down now: %s", error)
            return False
        return True

    def _recall(self, before: Spent, now: Spent) -> None:
        place = f"{self._warehouse.uri}/{self._key}"
        log.warning(
            "the permit store has granted %s permits, and %s tells of %s: it was lost, or an older one was "
            "restored; what was spent is counted again",
            now.granted,
            place,
            before.granted,
        )
        self._coordinator.recall(before)

    def _before(self) -> Spent | None:
        try:
            return msgspec.json.decode(self._warehouse.get(self._key), type=Spent)
        except ObjectMissing:
            return None
        except msgspec.DecodeError as error:
            log.warning("%s/%s is damaged, and is written anew: %s", self._warehouse.uri, self._key, error)
            return None
