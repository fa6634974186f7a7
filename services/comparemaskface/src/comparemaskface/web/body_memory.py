"""A budget of bytes for large bodies, so that many at once cost time and not memory."""

import asyncio
from collections import deque

ROOM = 256 * 1024 * 1024
"""Bytes of bodies held at once. While it is taken apart, one takes up to three times its size."""


class BodyMemoryLimiter:
    """Let bodies in while there is room for them; the others wait for their turn, unread, in order."""

    def __init__(self, size: int = ROOM) -> None:
        self._free = self._size = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Wait until there is room for a body of so many bytes; return what to give back."""
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
                self._let_in()
            else:  # its turn came at the same moment
                self.give_back(size)
            raise
        return size

    def give_back(self, size: int) -> None:
        """Make room for others."""
        self._free += size
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)
