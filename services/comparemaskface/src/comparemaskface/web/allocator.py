"""glibc's allocator, set to return freed memory to the system: pictures are large and short-lived."""

import ctypes

# Names and numbers of <malloc.h>; see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE = 256 * 1024
"""Bytes from which a block is mapped by itself, and unmapped when freed. Left alone, glibc raises this up to
32 MiB as it sees large blocks go."""
_ARENAS = 2
"""Heaps of their own for threads; by default eight per processor, none of which fills another's gaps."""


def return_freed_memory() -> None:
    """Set the allocator of this process; does nothing without glibc. Call before threads start."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in (
        (_M_TRIM_THRESHOLD, _LARGE),
        (_M_MMAP_THRESHOLD, _LARGE),
        (_M_ARENA_MAX, _ARENAS),
    ):
        mallopt(option, value)
