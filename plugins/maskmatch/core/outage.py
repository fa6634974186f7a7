"""The one way to wait for a store that is away: pauses that grow, and one log line a minute."""

import random
from collections.abc import Callable

from maskmatch.core.waits import Waits

PATIENCE_SECONDS = 600.0
"""How long to wait for a store, which a restart or a new host for it takes; after that Airflow tries anew."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
_SAY_EVERY_SECONDS = 60.0


class Outage:
    """Tracks an outage for one thread that keeps trying: since when, when to try again, when to give up.

    `waits`, if there are any, learn of each failed try under the name `what`.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        say: Callable[[str], None],
        patience_seconds: float = PATIENCE_SECONDS,
        longest_pause: float = LONGEST_PAUSE_SECONDS,
        waits: Waits | None = None,
        what: str = "",
    ) -> None:
        self._waits = waits
        self._what = what
        self.patience_seconds = patience_seconds
        self._longest_pause = longest_pause
        self._now = now
        self._say = say
        self._since: float | None = None
        self._said_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def seconds(self) -> float:
        """Return for how long the store has been away; 0 while it is there."""
        return 0.0 if self._since is None else self._now() - self._since

    @property
    def goes_on(self) -> bool:
        """Return True while the store is away."""
        return self._since is not None

    @property
    def has_lasted_too_long(self) -> bool:
        """Return True if it is time to give up."""
        return self.seconds > self.patience_seconds

    def note_failure(self, text: str, *, began: float | None = None) -> float:
        """Record a failed try; say the text if due, and return the seconds to pause, with jitter.

        The first that fails may have begun long before, and the outage with it.
        """
        now = self._now()
        if self._since is None:
            self._since, self._said_at = now if began is None else began, now - _SAY_EVERY_SECONDS
        if now - self._said_at >= _SAY_EVERY_SECONDS:
            self._said_at = now
            self._say(text)
        if self._waits:
            self._waits.goes_on(self._what, text)
        self._pause = min(self._longest_pause, 2 * self._pause)
        return self._pause * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it

    def note_success(self, text: str) -> None:
        """Record that the store answers; after an outage say the text and how long it was."""
        if self._since is not None:
            self._say(f"{text} after {self.seconds:.1f} s")
            self._since, self._pause = None, FIRST_PAUSE_SECONDS
            if self._waits:
                self._waits.is_over(self._what)
