"""Time as the core sees it, passed in, so that tests move it by hand."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the core sees it; tests pass one that they move by hand."""

    def now(self) -> float:
        """Return seconds of a clock that all processes of the host share and that never jumps."""
        ...

    def utc(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let the calling thread wait."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Let the calling thread wait, at most until the event is set."""
        ...


class SystemClock:
    """The real clock: CLOCK_MONOTONIC is one for all processes of a host."""

    now = staticmethod(time.monotonic)

    def utc(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Wait for the event."""
        event.wait(seconds)
