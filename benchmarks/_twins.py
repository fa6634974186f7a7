"""Two attempts at the same work: the first is stopped for a while and goes on when the second has begun."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from _witness import Witness

_PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.01


class Attempt(Protocol):
    """A process that works at it."""

    @property
    def pid(self) -> int:
        """Return its process id."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Return None while it runs."""
        ...


Start = Callable[[str, str], Attempt]
"""Starts an attempt with this name that calls this endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """When the first is stopped, by the requests it sent, and goes on, by those of the second or its end.

    `calls_before_work`: requests of each attempt that have nothing to do with the work.
    """

    service: str
    stop_after: int
    go_on_after: int | None
    calls_before_work: int = 0


@dataclass(frozen=True, slots=True)
class Sequel:
    """What became of the two: requests of the first after it went on, and how long it lived on (seconds)."""

    zombie_calls: int
    zombie_seconds: float
    in_flight_when_stopped: int
    exit_codes: tuple[int, int]


def play(plot: Plot, start: Start) -> Sequel:
    """Let the two work, and wait for their ends; raise TimeoutError when something does not come."""
    with Witness(plot.service) as of_first, Witness(plot.service) as of_second:
        first = start("first", of_first.endpoint)
        _wait(lambda: len(of_first.sent) >= plot.stop_after + plot.calls_before_work or _has_ended(first))
        with _stopped(first):
            in_flight = of_first.in_flight
            second = start("second", of_second.endpoint)
            wanted = (plot.go_on_after or 0) + plot.calls_before_work
            _wait(lambda: _has_ended(second) or (plot.go_on_after and len(of_second.sent) >= wanted))
            went_on = time.monotonic()
        _wait(lambda: _has_ended(first))
        seconds = time.monotonic() - went_on
        _wait(lambda: _has_ended(second))
        codes = (first.exit_code or 0, second.exit_code or 0)
        return Sequel(of_first.sent_since(went_on), seconds, in_flight, codes)


@contextmanager
def _stopped(attempt: Attempt) -> Iterator[None]:
    os.kill(attempt.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(attempt.pid, signal.SIGCONT)


def _has_ended(attempt: Attempt) -> bool:
    return attempt.exit_code is not None


def _wait(has_come: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not has_come():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached in {_PATIENCE_SECONDS} s")
        time.sleep(_LOOK_SECONDS)
