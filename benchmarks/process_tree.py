"""What processes take of the processors, while they come and go, and what is left."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

_LOOK_SECONDS = 0.1


class ProcessTree:
    """Processor time of the descendants of processes, sampled ten times a second in the `with` block.

    `with_ancestors` counts the processes themselves, too.
    """

    def __init__(self, *ancestors: int, with_ancestors: bool = False) -> None:
        self._ancestors = [psutil.Process(pid) for pid in ancestors]
        self._with_ancestors = with_ancestors
        self._looks: list[tuple[float, dict[int, float]]] = []
        self._idle: list[tuple[float, float]] = []
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

    def idle_share(self, start: float, end: float) -> float:
        """Return which share of all processors had nothing to do between two Unix times."""
        looks = [look for look in self._idle if start <= look[0] <= end]
        (first, idle_before), (last, idle) = looks[0], looks[-1]
        return (idle - idle_before) / ((last - first) * psutil.cpu_count())

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
            self._looks.append((time.time(), dict(self._look())))
            self._idle.append((time.time(), psutil.cpu_times().idle))

    def _look(self) -> Iterator[tuple[int, float]]:
        for process in self._family():
            with suppress(psutil.Error):
                times = process.cpu_times()
                yield process.pid, times.user + times.system

    def _family(self) -> Iterator[psutil.Process]:
        for ancestor in self._ancestors:
            if self._with_ancestors:
                yield ancestor
            with suppress(psutil.Error):  # one that has ended has none
                yield from ancestor.children(recursive=True)
