"""How a process that compares is told to stop, and why two of them never pay for the same shard.

Airflow starts a task anew when its supervisor is gone, while the task itself may go on. Three things stand
against it, each without the others: the kernel kills the task with its supervisor; a thread looks every half
second who the parent is; and the fence of the permit broker lets only the newest attempt pay.
"""

import ctypes
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

LOOK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _same_parent() -> int:
    return 0


class Watch:
    """Sets `stop` when it is asked to, or when the parent is no longer the same; use as a context manager.

    `getppid` None lets the parent go.
    """

    def __init__(self, stop: threading.Event, *, getppid: Callable[[], int] | None = os.getppid) -> None:
        self._stop = stop
        self._getppid = getppid or _same_parent
        self._parent = self._getppid()
        # Other ways to wake a thread take a lock, which the thread that a signal interrupts may hold.
        self._words: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def ask(self) -> None:
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
            log.error("the supervisor of this task is gone: taking no further pair")
            self._stop.set()
