"""The one way for a run to end early: asked from outside, or by its first error.

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import threading


class StopSignal(threading.Event):
    """Set when the run is to end; who was asked from outside counts as set at once, and wakes at `look`."""

    def __init__(self, asked: threading.Event) -> None:
        super().__init__()
        self._asked = asked
        self.error: BaseException | None = None

    def is_set(self) -> bool:
        """Return True if no further pair is to be taken."""
        return super().is_set() or self._asked.is_set()

    def look(self) -> None:
        """Wake who waits when the run was asked to end."""
        if self._asked.is_set():
            self.set()

    def fail(self, error: BaseException) -> None:
        """End the run for an error; the first one is kept."""
        self.error = self.error or error
        self.set()
