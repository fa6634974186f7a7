"""Outcomes on their way into the journal, which holds back when too much is not yet durable.

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio

from maskmatch.core.outcomes import Outcome
from maskmatch.core.workers import Workers
from maskmatch.engine.context import Journal
from maskmatch.engine.progress import Progress

_THREADS = 2
"""One waits for room, the other for what must be durable before its pair is called again."""


class Recorder:
    """Enters outcomes, and waits for the journal in threads of its own."""

    def __init__(self, journal: Journal, progress: Progress) -> None:
        self._journal = journal
        self._progress = progress
        self._workers = Workers("compare-journal", most=_THREADS)
        self._room: asyncio.Future[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._next_flush: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Let go of the threads; those that hang end with the process."""
        for waited in (self._room, self._flushing, self._next_flush):
            if waited:
                waited.cancel()
        self._workers.shutdown()

    async def finish(self, outcome: Outcome) -> None:
        """Enter the outcome of a pair; return when the journal has room for more."""
        self._journal.enter(outcome)
        self._progress.add(outcome)
        await self.wait_for_room()

    def enter_call(self, entry: Outcome | None) -> None:
        """Enter the call of a pair that goes on, if it made one."""
        if entry is not None:
            self._progress.add_calls(entry.calls)
            self._journal.enter(entry)

    async def wait_for_room(self) -> None:
        """Return when the journal is not full; one thread waits, for however many."""
        if not self._journal.is_full:
            return
        if self._room is None or self._room.done():
            loop = asyncio.get_running_loop()
            self._room = loop.run_in_executor(self._workers, self._journal.wait_for_room)
        await asyncio.shield(self._room)

    async def flush(self) -> None:
        """Return when all that was entered is durable; who asks while one flush goes on shares the next."""
        if self._next_flush is None:
            self._next_flush = asyncio.create_task(self._flush_after(self._flushing))
        await asyncio.shield(self._next_flush)

    async def _flush_after(self, flushing: asyncio.Task[None] | None) -> None:
        if flushing:
            await asyncio.wait([flushing])
        self._flushing, self._next_flush = self._next_flush, None
        await asyncio.get_running_loop().run_in_executor(self._workers, self._journal.flush)
