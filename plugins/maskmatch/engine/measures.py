"""How the calls of a process went, for metrics: gathered on the loop, taken by who sends them."""

from collections import deque
from dataclasses import dataclass

_MOST_LATENCIES = 1000
"""Between two looks, of the newest calls: enough for a percentile, and bounded where calls are many."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was gathered since the look before: calls that the gateway refused, and times in milliseconds.

    `permit_wait_ms` is how long calls that were ready have waited for their permits, all together.
    """

    refused: int = 0
    permit_wait_ms: int = 0
    latencies_ms: tuple[float, ...] = ()


class Measures:
    """Gathers until somebody takes what there is; for one thread."""

    def __init__(self) -> None:
        self._refused = 0
        self._waited = 0.0
        self._latencies: deque[float] = deque(maxlen=_MOST_LATENCIES)

    def ended(self, *, seconds: float, waited: float, is_refused: bool) -> None:
        """Count a call that has ended after `seconds`, and for whose permit it had `waited`."""
        self._refused += is_refused
        self._waited += waited
        self._latencies.append(1000 * seconds)

    def take(self) -> Measured:
        """Return what was gathered since the last time."""
        whole = int(1000 * self._waited)
        found = Measured(self._refused, whole, tuple(self._latencies))
        self._refused = 0
        self._waited -= whole / 1000
        self._latencies.clear()
        return found
