"""Two reasons to end in one event: the run ends by itself, or was asked to."""

import threading


class Ending(threading.Event):
    """Set when the run ends by itself; it also counts as set when the run was asked to end."""

    def __init__(self, asked: threading.Event) -> None:
        super().__init__()
        self._asked = asked

    def is_set(self) -> bool:
        """Return True if no further pair is to be taken."""
        return super().is_set() or self._asked.is_set()
