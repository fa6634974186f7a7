"""Threads for what blocks: a bounded number, under one name, that never hold up the end of the process.

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

_IDLE_SECONDS, _SURPLUS_SECONDS = 1.0, 0.1
"""A thread that nobody needed for so long ends; the second of two that are idle sooner."""
_PARTING_SECONDS = 0.1
"""Threads that have nothing to do end within this; those that hang end with the process."""


class Workers(Executor):
    """An executor of daemon threads, started as they are needed.

    Those of `concurrent.futures` are joined when the process ends: a load that hangs would keep a stopped
    task until it is killed.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._size = self._idle = self._started = 0
        self._is_open = True
        self._changed = threading.Condition()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in one of the threads; raise RuntimeError when the host allows not even one."""
        future: Future[Any] = Future()
        with self._changed:
            self._jobs.append((future, partial(fn, *args, **kwargs)))
            if len(self._jobs) > self._idle and self._size < self._most:
                self._start()
            self._changed.notify()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:
        """Let the threads end after what they do now, and wait a moment for them, or as long as it takes."""
        with self._changed:
            self._is_open = False
            while self._jobs and cancel_futures:
                self._jobs.popleft()[0].cancel()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._size, None if wait else _PARTING_SECONDS)

    def _start(self) -> None:
        self._started += 1
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True)
        self._size += 1
        try:
            thread.start()
        except RuntimeError:
            self._size -= 1
            if not self._size:
                self._jobs.pop()
                raise

    def _work(self) -> None:
        while job := self._next():
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  whoever waits for the result raises it
                future.set_exception(error)
            else:
                future.set_result(result)
            del future, work, job

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            patience = _IDLE_SECONDS if self._idle == 1 else _SURPLUS_SECONDS
            self._changed.wait_for(lambda: self._jobs or not self._is_open, patience)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._size -= 1
            self._changed.notify_all()
            return None
