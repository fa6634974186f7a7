"""How many calls may be in flight, and how many ready to be sent, within the memory for their images.

Calls are sent at their slots whatever the others take, so the rate and the latency decide how many are in
flight (Little's law). What is counted here only bounds that.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import math
import threading
from collections import deque
from dataclasses import dataclass

_REMEMBERED, _LOADS = 200, 20
_SLOW_SECONDS = 0.001
_A_FEW = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimits:
    """Calls in flight at most, bytes for images of all of them, and copies of each image in a call.

    An image is held as raw bytes, as base64 text, and in the buffers it is sent from. `ahead_seconds` of the
    rate are made ready before their slots come, by at most `loaders` threads.
    """

    most: int = 400
    image_bytes: int = 512 * 1024 * 1024
    copies: int = 5
    ahead_seconds: float = 0.2
    fewest_ahead: int = 4
    most_ahead: int = 100
    loaders: int = 128


class Room:
    """Says how many calls there may be, as far as the newest images tell; may be used by many threads.

    `affordable` altogether, of these `under_way` at once and `ahead` ready to be sent; `a_few` are worth
    being finished together.
    """

    def __init__(self, limits: ConcurrencyLimits, *, calls_per_second: float, calls: int | None) -> None:
        self._limits = limits
        self._most = calls or limits.most
        fewest = limits.fewest_ahead if calls_per_second >= 1 else 1  # what is ready for long goes stale
        ahead = max(fewest, min(limits.most_ahead, calls_per_second * limits.ahead_seconds))
        self._most_ahead = min(math.ceil(ahead), self._most)
        self._image_bytes: deque[int] = deque(maxlen=_REMEMBERED)
        self._load_seconds = 0.0
        self._lock = threading.Lock()
        self._allow(self._most + self._most_ahead)

    def note(self, *, image_bytes: int) -> None:
        """Learn the size of the images of one pair."""
        if image_bytes or self._image_bytes:
            with self._lock:
                self._image_bytes.append(image_bytes)
                mean = sum(self._image_bytes) / len(self._image_bytes)
                self._allow(int(self._limits.image_bytes / (self._limits.copies * max(1.0, mean))))

    def note_time(self, seconds: float) -> None:
        """Learn how long it took to prepare one call: its images, a connection, its signature."""
        self._load_seconds += (seconds - self._load_seconds) / _LOADS

    @property
    def loads_are_slow(self) -> bool:
        """Return True if it takes several threads to load what is sent."""
        return self._load_seconds > _SLOW_SECONDS

    def _allow(self, calls: int) -> None:
        """Set how many calls there may be altogether, out at once, ready to be sent; and what are a few."""
        self.affordable = max(1, min(self._most + self._most_ahead, calls))
        self.under_way = min(self._most, self.affordable)
        self.ahead = min(self._most_ahead, self.affordable)
        self.a_few = min(_A_FEW, max(1, self.under_way // 4))
