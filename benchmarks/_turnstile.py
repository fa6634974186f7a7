"""Threads that pass one by one at booked slots, as the calls of the engine leave on its line."""

import threading
import time
from collections import deque

from maskmatch.core.errors import Interrupted, MaskmatchError
from maskmatch.engine.booking import Booking
from maskmatch.permits.client.pacing import Pacer

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
        self._changed = threading.Event()
        self._booking = Booking(
            pacer,
            threading.Event(),
            now=time.monotonic,
            wanted=lambda: len(self._waiting) - len(self._booking.slots),
            is_over=lambda: False,
            on_slots=self._changed.set,
        )
        for work in (self._book, self._pass):
            threading.Thread(target=work, daemon=True).start()

    def wait(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent; raise what ended the booking, or Interrupted."""
        turn = _Turn()
        self._waiting.append(turn)
        self._changed.set()
        self._booking.look()
        while not turn.gate.acquire(timeout=_LOOK_SECONDS):
            if stop and stop.is_set():
                raise Interrupted("asked to stop")
        if turn.error:
            raise turn.error

    def _book(self) -> None:
        while True:
            try:
                self._booking.run()
            except MaskmatchError as error:
                self._end_all(error)

    def _pass(self) -> None:
        slots = self._booking.slots
        while True:
            while not (self._waiting and slots):
                self._changed.wait(_LOOK_SECONDS)
                self._changed.clear()
            if (ahead := slots[0] - time.monotonic()) > 0:
                time.sleep(ahead)
            if self._pacer.passed(slots.popleft(), used=True):
                self._waiting.popleft().gate.release()

    def _end_all(self, error: MaskmatchError) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            turn.error = error
            turn.gate.release()
