"""One thread that books slots for the calls that are ready, ahead of the one that sends them.

Decision: docs/adr/0010-one-line-for-all-calls.md
"""

import threading
from collections import deque
from collections.abc import Callable

from maskmatch.engine.context import Permits

_LOOK_SECONDS = 0.05
_HANGS_SECONDS = 0.5
_AT_ONCE_SECONDS, _MOST_SPARE = 0.001, 16


class Booking:
    """Keeps `slots`, the times (of the clock) at which calls may be sent, for one thread that uses them up.

    `wanted` says how many calls are ready without one, `is_over` that no more are, and `on_slots` is called
    when there are new ones.
    """

    def __init__(
        self,
        pacer: Permits,
        stop: threading.Event,
        *,
        now: Callable[[], float],
        wanted: Callable[[], int],
        is_over: Callable[[], bool],
        on_slots: Callable[[], None],
    ) -> None:
        self._pacer = pacer
        self._stop = stop
        self._wanted = wanted
        self._is_over = is_over
        self._on_slots = on_slots
        self._changed = threading.Condition()
        self._now = now
        self._spare = 0
        self.slots: deque[float] = deque()

    def run(self) -> None:
        """Book until the end; raise what keeps calls from ever being sent."""
        while self._has_to_book():
            slots = self._pacer.book(self._wanted_and_spare, self._stop)
            come_at_once = len(slots) > 1 and slots[-1] - self._now() < _AT_ONCE_SECONDS
            self._spare = min(len(slots), _MOST_SPARE) if come_at_once else 0
            self.slots.extend(slots)
            self._on_slots()

    def look(self) -> None:
        """Look again whether a slot is wanted, or whether it is over."""
        with self._changed:
            self._changed.notify()

    def leave(self, thread: threading.Thread) -> None:
        """Give back the slots when the thread has ended; those of a store that hangs stay spent."""
        self.look()
        thread.join(_HANGS_SECONDS)
        while self.slots:
            self._pacer.passed(self.slots.popleft(), used=False)

    def _wanted_and_spare(self) -> int:
        """Where slots come all at once the rate is no limit: book some for the next calls, too."""
        wanted = self._wanted()
        return wanted + self._spare if wanted > 0 else 0

    def _has_to_book(self) -> bool:
        """Wait until a call needs a slot; False at the end."""
        with self._changed:
            while not self._is_over():
                if self._wanted() > 0:
                    return True
                self._changed.wait(_LOOK_SECONDS)
        return False
