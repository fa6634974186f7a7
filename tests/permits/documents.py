"""A shared document in memory, whose clock is moved by hand."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from maskmatch.permits.steps.document import Moment, Step

T = TypeVar("T")


class MemoryDocument:
    """What a store is to a coordinator, without one."""

    def __init__(self, utc: datetime = datetime(2026, 1, 15, tzinfo=UTC)) -> None:
        self.document: bytes | None = None
        self.kept: list[bytes] = []
        self.time = 1000.0
        self.utc = utc
        self._lock = threading.Lock()

    def change(self, step: Step[T], *, record: Callable[[Moment], bytes] | None = None) -> T:
        with self._lock:
            moment = Moment(self.time, self.utc)
            self.document, result = step(self.document, moment)
            if record:
                self.kept.append(record(moment))
        return result

    def look(self, view: Callable[[bytes | None, Moment], T]) -> T:
        with self._lock:
            return view(self.document, Moment(self.time, self.utc))

    def records(self, newest: int) -> list[bytes]:
        return self.kept[::-1][:newest]

    def now(self) -> float:
        return self.time

    def close(self) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.utc += timedelta(seconds=seconds)
