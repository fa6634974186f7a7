"""The one way to wait for a store that is away: pauses that grow, and a word about it once a minute."""

import random
from collections.abc import Callable

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
_SAY_EVERY_SECONDS = 60.0


class Outage:
    """What one thread that keeps trying knows of a store: since when it is away, and when to try again.

    Who uses it decides when to give up, by `seconds`.
    """

    def __init__(self, *, now: Callable[[], float], say: Callable[[str], None]) -> None:
        self._now = now
        self._say = say
        self._since: float | None = None
        self._said_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def seconds(self) -> float:
        """Return for how long the store has been away; 0 while it is there."""
        return 0.0 if self._since is None else self._now() - self._since

    def note_failure(self, text: str) -> float:
        """Note a try in vain, and say the text if that is due; return the seconds to pause, with jitter."""
        now = self._now()
        if self._since is None:
            self._since, self._said_at = now, now - _SAY_EVERY_SECONDS
        if now - self._said_at >= _SAY_EVERY_SECONDS:
            self._said_at = now
            self._say(text)
        self._pause = min(LONGEST_PAUSE_SECONDS, 2 * self._pause)
        return self._pause * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it

    def note_success(self, text: str) -> None:
        """Note that the store answers; after an outage say the text and how long it was."""
        if self._since is not None:
            self._say(f"{text} after {self.seconds:.1f} s")
            self._since, self._pause = None, FIRST_PAUSE_SECONDS
