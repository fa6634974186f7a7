"""Which calls are out just now, so that those that hang can be entered as unknown when the run is left."""

import threading

from maskmatch.core.errors import Interrupted
from maskmatch.core.retries import Trial


class LeftBehind(Interrupted):
    """The run was left while this call was out; whatever comes back now is in its books as unknown."""


class UnderWay:
    """Keeps the pairs whose calls are out; may be used by many threads."""

    def __init__(self) -> None:
        self._trials: set[Trial] = set()
        self._lock = threading.Lock()
        self._was_left = False

    def begin(self, trial: Trial) -> None:
        """Note that a call is about to be sent; raise LeftBehind when it must not."""
        with self._lock:
            if self._was_left:
                raise LeftBehind("the run has ended")
            self._trials.add(trial)

    def end(self, trial: Trial) -> None:
        """Note that a call has ended; raise LeftBehind when nobody waits for it any more."""
        with self._lock:
            if trial not in self._trials:
                raise LeftBehind("the answer came after the run had ended")
            self._trials.remove(trial)

    def leave(self) -> list[Trial]:
        """Return the pairs whose calls are still out; they belong to the caller from now on."""
        with self._lock:
            self._was_left = True
            trials = list(self._trials)
            self._trials.clear()
            return trials
