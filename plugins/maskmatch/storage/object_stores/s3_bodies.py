"""The body of an object as a stream that never takes a part for the whole."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.response import StreamingBody


class Body(io.RawIOBase):
    """The body of an object; it does not end before its length.

    One without a length is sent in chunks, and boto3 raises unless the last of them has come.
    """

    def __init__(
        self,
        body: "StreamingBody",
        length: int | None,
        errors: Callable[[], AbstractContextManager[None]],
        broken_off: Callable[[int], Exception],
    ) -> None:
        self._body = body
        self._left = length
        self._errors = errors
        self._broken_off = broken_off

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; raise what `broken_off` makes of those left when there are no more."""
        with self._errors():
            block = self._body.read(self._at_most(len(buffer)))
        if not block and self._left:
            raise self._broken_off(self._left)
        buffer[: len(block)] = block
        if self._left is not None:
            self._left -= len(block)
        return len(block)

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()
        super().close()

    def _at_most(self, room: int) -> int:
        return room if self._left is None else min(room, self._left)
