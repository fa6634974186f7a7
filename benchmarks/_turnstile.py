"""Threads that pass one by one at booked slots, as the calls of the engine leave on its line."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from maskmatch.core.errors import Interrupted, MaskmatchError
from maskmatch.core.pacing import Pacer

_LOOK_SECONDS = 0.05


@dataclass(eq=False)
class _Turn:
    """One thread that waits, and what ended its wait if it is not to pass."""

    came: threading.Event = field(default_factory=threading.Event)
    error: MaskmatchError | None = None


class Turnstile:
    """One thread books for those that wait, another lets them pass."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._waiting: deque[_Turn] = deque()
        self._slots: deque[float] = deque()
        self._changed = threading.Condition()
        for work in (self._book, self._pass):
            threading.Thread(target=work, daemon=True).start()

    def wait(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent; raise what ended the booking, or Interrupted."""
        turn = _Turn()
        with self._changed:
            self._waiting.append(turn)
            self._changed.notify_all()
        while not turn.came.wait(_LOOK_SECONDS):
            if stop and stop.is_set():
                raise Interrupted("asked to stop")
        if turn.error:
            raise turn.error

    def _book(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) > len(self._slots))
            try:
                slots = self._pacer.book(lambda: len(self._waiting) - len(self._slots))
            except MaskmatchError as error:
                self._end_all(error)
                continue
            with self._changed:
                self._slots.extend(slots)
                self._changed.notify_all()

    def _pass(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting and self._slots)
                slot = self._slots[0]
            time.sleep(max(0.0, slot - time.monotonic()))
            with self._changed:
                self._slots.popleft()
            if self._pacer.passed(slot, used=True):
                with self._changed:
                    self._waiting.popleft().came.set()

    def _end_all(self, error: MaskmatchError) -> None:
        with self._changed:
            while self._waiting:
                turn = self._waiting.popleft()
                turn.error = error
                turn.came.set()
