"""A budget of bytes for large bodies, so that many at once cost time and not memory."""

import asyncio

ROOM = 128 * 1024 * 1024
"""Bytes of bodies held at once. While it is read and taken apart, one takes up to three times its size."""


class Room:
    """Let bodies in while there is room for them; the others wait, unread, for their turn."""

    def __init__(self, size: int = ROOM) -> None:
        self._free = self._size = size
        self._changed = asyncio.Condition()

    async def take(self, size: int) -> int:
        """Wait until there is room for a body of so many bytes; return what to give back."""
        size = min(size, self._size)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        return size

    async def give_back(self, size: int) -> None:
        """Make room for others."""
        async with self._changed:
            self._free += size
            self._changed.notify_all()
