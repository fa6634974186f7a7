"""Processor time of all processes that one has started, looked at ten times a second."""

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

_LOOK_SECONDS = 0.1


class Family:
    """The descendants of a process, without itself, watched while the `with` block runs."""

    def __init__(self, ancestor: int) -> None:
        self._ancestor = psutil.Process(ancestor)
        self._looks: list[tuple[float, dict[int, float]]] = []
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def seconds(self, start: float, end: float) -> float:
        """Return the processor seconds used between two Unix times."""
        used: dict[int, tuple[float, float]] = {}
        for at, seen in self._looks:
            if at > end:
                break
            for pid, seconds in seen.items():
                first = used.get(pid, (0.0, 0.0))[0]
                used[pid] = (seconds if at < start else first, seconds)
        return sum(last - first for first, last in used.values())

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with suppress(psutil.Error):
                self._looks.append((time.time(), dict(self._look())))

    def _look(self) -> list[tuple[int, float]]:
        found = []
        for process in self._ancestor.children(recursive=True):
            with suppress(psutil.Error):
                times = process.cpu_times()
                found.append((process.pid, times.user + times.system))
        return found
