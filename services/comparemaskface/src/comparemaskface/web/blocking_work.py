"""Work on a body that takes long when the body is large, and must not hold up the other calls."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

LONGEST_INLINE_WORK = 64 * 1024
"""Bytes of a body; hashing and parsing more than this would hold up the other calls, so a thread does it."""

Result = TypeVar("Result")


async def without_blocking(work: Callable[[bytes], Result], content: bytes) -> Result:
    """Return what `work` makes of a content; a long content is worked on in a thread."""
    if len(content) <= LONGEST_INLINE_WORK:
        return work(content)
    return await asyncio.to_thread(work, content)
