"""Tell a slow listener how far something is, without waiting for it."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

LEAVE_SECONDS = 2.0

log = logging.getLogger(__name__)
Facts = dict[str, Any]


class Reporter:
    """Hands facts to a listener on a thread of its own, the newest only; use as a context manager.

    A listener that fails is told so once in the log, and asked again with the next facts.
    """

    def __init__(self, listener: Callable[[Facts], None]) -> None:
        self._listener = listener
        self._facts: Facts | None = None
        self._changed = threading.Condition()
        self._closing = self._has_failed = False
        self._thread = threading.Thread(target=self._deliver, name="reporter", daemon=True)

    def report(self, facts: Facts) -> None:
        """Take facts and return at once."""
        with self._changed:
            self._facts = facts
            self._changed.notify()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(LEAVE_SECONDS)

    def _deliver(self) -> None:
        while facts := self._next():
            try:
                self._listener(facts)
            except Exception as error:  # noqa: BLE001  progress is shown, nothing depends on it
                if not self._has_failed:
                    log.warning("progress cannot be shown: %s", error)
                self._has_failed = True

    def _next(self) -> Facts | None:
        with self._changed:
            self._changed.wait_for(lambda: self._facts is not None or self._closing)
            facts, self._facts = self._facts, None
            return facts
