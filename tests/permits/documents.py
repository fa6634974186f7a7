"""A shared document in memory, whose clock is moved by hand."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from maskmatch.permits.steps.document import Moment

T = TypeVar("T")


class MemoryDocument:
    """What a store is to a coordinator, without one."""

    def __init__(self, utc: datetime = datetime(2026, 1, 15, tzinfo=UTC)) -> None:
        self.document: bytes | None = None
        self.time = 1000.0
        self.utc = utc
        self._lock = threading.Lock()

    def change(self, step: Callable[[bytes | None, Moment], tuple[bytes, T]]) -> T:
        with self._lock:
            self.document, result = step(self.document, Moment(self.time, self.utc))
        return result

    def now(self) -> float:
        return self.time

    def close(self) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.utc += timedelta(seconds=seconds)
