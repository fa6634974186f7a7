"""What a process that compares needs beside the work itself.

`ParentWatchdog` tells it to stop. When its supervisor is gone, Airflow starts a task anew, though the old one
may go on. Three things keep the two from paying for the same shard, each without the others: the kernel kills
the task with its supervisor, a thread checks every half second who the parent is, and the fence of the permit
store lets only the newest try pay. `Reporter` tells a slow listener how far it is, without waiting.
"""

import ctypes
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

LOOK_SECONDS = 0.5
LEAVE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)
Facts = dict[str, Any]


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _same_parent() -> int:
    return 0


class ParentWatchdog:
    """Sets `stop` when it is asked to, or when the parent is no longer the same; use as a context manager.

    `getppid` None ignores the parent.
    """

    def __init__(self, stop: threading.Event, *, getppid: Callable[[], int] | None = os.getppid) -> None:
        self._stop = stop
        self._getppid = getppid or _same_parent
        self._parent = self._getppid()
        # Other ways to wake a thread take a lock, which the thread that a signal interrupts may hold.
        self._words: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._look, name="parent-watchdog", daemon=True)

    def request_stop(self) -> None:
        """Let `stop` be set at once; may be called by a signal handler."""
        self._words.put(True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._words.put(False)
        self._thread.join()

    def _look(self) -> None:
        while True:
            try:
                if self._words.get(timeout=LOOK_SECONDS):
                    self._stop.set()
                else:
                    return
            except queue.Empty:
                self._look_at_parent()

    def _look_at_parent(self) -> None:
        if self._getppid() != self._parent and not self._stop.is_set():
            log.error("the supervisor of this task is gone: no further pairs are taken")
            self._stop.set()


class Reporter:
    """Hands facts to a listener on a thread of its own, the newest only; use as a context manager.

    A listener that fails is named once in the log, and is given the next facts all the same.
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
