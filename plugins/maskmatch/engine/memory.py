"""How many calls there may be altogether, within the memory for their images, and how many ready to be sent.

Decision: docs/adr/0008-one-retry-layer-behind-fresh-pairs.md
"""

import math
from collections import deque
from dataclasses import dataclass

_REMEMBERED = 200
"""Pairs whose image bytes tell what the next ones will need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimits:
    """Calls in flight at most, bytes for images of all of them, and copies of each image in a call.

    An image is held as raw bytes, as base64 text, and in the buffers it is sent from: five times altogether.
    `most` is what 40 calls a second need that all take 10 s, half a GiB what a small host can spare.
    `ahead_seconds` of the rate are made ready before their slots come: twice what a slow store takes for an
    image, by at most `loaders` threads, since each may wait for one.
    """

    most: int = 400
    image_bytes: int = 512 * 1024 * 1024
    copies: int = 5
    ahead_seconds: float = 0.2
    fewest_ahead: int = 4
    most_ahead: int = 100
    loaders: int = 128


class ImageMemory:
    """The calls that there may be: `affordable` altogether, `in_flight` at once, `ahead` ready to be sent.

    Whether that `is_known` depends on whether the images of any pair were seen.
    """

    def __init__(self, limits: MemoryLimits, *, calls_per_second: float, calls: int | None) -> None:
        self._limits = limits
        self._most = calls or limits.most
        fewest = limits.fewest_ahead if calls_per_second >= 1 else 1  # what is ready for long goes stale
        ahead = max(fewest, min(limits.most_ahead, calls_per_second * limits.ahead_seconds))
        self._most_ahead = min(math.ceil(ahead), self._most)
        self._image_bytes: deque[int] = deque(maxlen=_REMEMBERED)
        self.is_known = False
        self._allow(self._most + self._most_ahead)

    def note(self, *, image_bytes: int) -> None:
        """Learn the size of the images of one pair."""
        self.is_known = True
        if image_bytes or self._image_bytes:
            self._image_bytes.append(image_bytes)
            mean = sum(self._image_bytes) / len(self._image_bytes)
            self._allow(int(self._limits.image_bytes / (self._limits.copies * max(1.0, mean))))

    def _allow(self, calls: int) -> None:
        self.affordable = max(1, min(self._most + self._most_ahead, calls))
        self.in_flight = min(self._most, self.affordable)
        self.ahead = min(self._most_ahead, self.affordable)
