"""Two steps of one work side by side: what is slow outside of Python's lock costs no time of its own.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from maskmatch.core.workers import Workers

T = TypeVar("T")


class Behind:
    """Takes steps in a thread, in their order, one while the caller prepares the next."""

    def __init__(self, name: str) -> None:
        self._worker = Workers(name, most=1)
        self._last: Future[None] | None = None

    def do(self, step: Callable[..., None], *args: object) -> None:
        """Begin a step when the one before has ended; raise what has befallen that."""
        self.wait()
        self._last = self._worker.submit(step, *args)

    def wait(self) -> None:
        """Wait until all steps have ended; raise what has befallen the last."""
        if (last := self._last) is not None:
            self._last = None
            last.result()


def ahead(name: str, things: Iterator[T]) -> Iterator[T]:
    """Yield things, of which a thread makes the next while the caller works on one."""
    worker = Workers(name, most=1)
    end = object()
    coming: Future[T | object] = worker.submit(next, things, end)
    while (thing := coming.result()) is not end:
        coming = worker.submit(next, things, end)
        yield thing  # type: ignore[misc]
