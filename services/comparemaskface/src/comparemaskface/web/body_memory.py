"""A budget of bytes for large bodies, so that many at once cost time and not memory."""

import asyncio
from collections import deque

LARGEST_BODY_MEMORY = 256 * 1024 * 1024
"""Bytes of bodies held at once. While one is parsed, it takes up to three times its size."""


class BodyMemoryLimiter:
    """Admit bodies while there is memory for them; the others wait for their turn, unread, in order."""

    def __init__(self, size: int = LARGEST_BODY_MEMORY) -> None:
        self._free = self._size = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int) -> int:
        """Wait until there is memory for a body of so many bytes; return how many bytes to release."""
        size = min(size, self._size)
        if not self._waiting and size <= self._free:
            self._free -= size
            return size
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove((size, turn))
                self._admit_waiting()
            else:  # its turn came at the same moment
                self.release(size)
            raise
        return size

    def release(self, size: int) -> None:
        """Free the memory for others."""
        self._free += size
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)
