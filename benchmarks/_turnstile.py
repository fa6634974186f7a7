"""Threads that pass one by one at booked slots, as the calls of the engine leave on its line."""

import threading
import time
from collections import deque
from collections.abc import Callable

from maskmatch.core.errors import Interrupted, MaskmatchError
from maskmatch.core.pacing import Pacer

_LOOK_SECONDS = 0.05


class _Turn:
    """One thread that waits at its gate, and what ended its wait if it is not to pass."""

    __slots__ = ("error", "gate")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.error: MaskmatchError | None = None


class Turnstile:
    """One thread books for those that wait, another lets them pass."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._waiting: deque[_Turn] = deque()
        self._slots: deque[float] = deque()
        self._changed = threading.Condition()
        self._is_idle = True
        for work in (self._book, self._pass):
            threading.Thread(target=work, daemon=True).start()

    def wait(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent; raise what ended the booking, or Interrupted."""
        turn = _Turn()
        self._waiting.append(turn)
        if self._is_idle:
            with self._changed:
                self._changed.notify_all()
        while not turn.gate.acquire(timeout=_LOOK_SECONDS):
            if stop and stop.is_set():
                raise Interrupted("asked to stop")
        if turn.error:
            raise turn.error

    def _book(self) -> None:
        while True:
            self._wait_for(lambda: len(self._waiting) > len(self._slots))
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
            if not (self._waiting and self._slots):
                self._wait_for(lambda: bool(self._waiting and self._slots))
            slot = self._slots[0]
            if (ahead := slot - time.monotonic()) > 0:
                time.sleep(ahead)
            self._slots.popleft()
            if self._pacer.passed(slot, used=True):
                self._waiting.popleft().gate.release()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            self._is_idle = True
            while not condition():
                self._changed.wait(_LOOK_SECONDS)
            self._is_idle = False

    def _end_all(self, error: MaskmatchError) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            turn.error = error
            turn.gate.release()
