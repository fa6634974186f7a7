"""Threads that do the same work until there is none left; the first error ends them all."""

import threading
from collections.abc import Callable


class Crew:
    """Starts threads as they are needed; each runs `work`, which returns when there is nothing for it to do.

    The first error of any thread is kept in `error`, and `on_error` asks the others to end.
    """

    def __init__(self, work: Callable[[], None], *, on_error: Callable[[], None]) -> None:
        self._work = work
        self._on_error = on_error
        self._threads: set[threading.Thread] = set()
        self._started = 0
        self._changed = threading.Condition()
        self.error: BaseException | None = None

    @property
    def size(self) -> int:
        """Return how many threads are at work."""
        with self._changed:
            return len(self._threads)

    def grow_to(self, size: int) -> None:
        """Start the threads that are missing, or as many of them as the host allows."""
        for _ in range(size - self.size):
            self._started += 1
            thread = threading.Thread(target=self._run, name=f"compare-{self._started}", daemon=True)
            with self._changed:
                self._threads.add(thread)
            try:
                thread.start()
            except RuntimeError:
                with self._changed:
                    self._threads.discard(thread)
                if not self.size:
                    raise
                return

    def join(self, seconds: float) -> None:
        """Wait until all threads have ended, at most so long; those that hang end with the process."""
        with self._changed:
            self._changed.wait_for(lambda: not self._threads, seconds)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  whoever waits for the crew raises it
            with self._changed:
                self.error = self.error or error
            self._on_error()
        with self._changed:
            self._threads.discard(threading.current_thread())
            self._changed.notify_all()
