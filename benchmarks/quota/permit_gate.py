"""Threads that wait for permits, as calls wait in the engine: each passes at a slot of its own."""

import threading
import time
from collections import deque

from maskmatch.core.errors import Interrupted, MaskmatchError
from maskmatch.permits.client.pacing import Pacer

_LOOK_SECONDS = 0.05


class _Waiter:
    """One waiting thread, and the error that ends its wait if it may not pass."""

    __slots__ = ("error", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.error: MaskmatchError | None = None


class PermitGate:
    """Lets waiting threads pass one by one: a thread books slots, another releases one at each slot."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._waiting: deque[_Waiter] = deque()
        self._slots: deque[float] = deque()
        self._demand, self._changed = threading.Event(), threading.Event()
        for work in (self._book, self._pass):
            threading.Thread(target=work, daemon=True).start()

    def wait(self, stop: threading.Event | None = None) -> None:
        """Return when one call may be sent; raise the error that ended the booking, or Interrupted."""
        waiter = _Waiter()
        self._waiting.append(waiter)
        self._changed.set()
        self._demand.set()
        while not waiter.lock.acquire(timeout=_LOOK_SECONDS):
            if stop and stop.is_set():
                raise Interrupted("asked to stop")
        if waiter.error:
            raise waiter.error

    def _wanted(self) -> int:
        return len(self._waiting) - len(self._slots)

    def _book(self) -> None:
        while True:
            if self._wanted() < 1:
                self._demand.wait(_LOOK_SECONDS)
                self._demand.clear()
                continue
            try:
                self._slots.extend(self._pacer.book(self._wanted))
            except MaskmatchError as error:
                self._end_all(error)
            self._changed.set()

    def _pass(self) -> None:
        while True:
            while not (self._waiting and self._slots):
                self._changed.wait(_LOOK_SECONDS)
                self._changed.clear()
            if (ahead := self._slots[0] - time.monotonic()) > 0:
                time.sleep(ahead)
            if self._pacer.passed(self._slots.popleft(), used=True):
                self._waiting.popleft().lock.release()

    def _end_all(self, error: MaskmatchError) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            waiter.error = error
            waiter.lock.release()
