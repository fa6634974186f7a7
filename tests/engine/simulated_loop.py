"""An event loop whose time is that of a clock which stands still: what is waited for comes at once."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from tests.fakes import FakeClock

_MOST_REAL_SECONDS = 0.05
_DEADLOCK_SECONDS = 30.0


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Lets the clock pass instead of waiting, except for jobs in threads, which take real time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.jobs = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            return super().select(0)
        if not self.jobs:
            if timeout is None:
                raise RuntimeError("nothing will ever happen")
            self._clock.sleep(timeout)
            return super().select(0)
        wait = _DEADLOCK_SECONDS if timeout is None else min(timeout, _MOST_REAL_SECONDS)
        found = super().select(wait)
        if not found:
            self._clock.sleep(wait)
        return found


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on a FakeClock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._jobs = _Selector(clock)
        super().__init__(self._jobs)

    def time(self) -> float:
        return self._clock.now()

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._jobs.jobs += 1
        try:
            job = super().run_in_executor(executor, func, *args)
        except BaseException:
            self._jobs.jobs -= 1
            raise
        job.add_done_callback(self._on_done)
        return job

    def _on_done(self, _: asyncio.Future[Any]) -> None:
        self._jobs.jobs -= 1
