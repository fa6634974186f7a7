"""The size of a JPEG, from its segments up to the scan.

Source: https://www.w3.org/Graphics/JPEG/itu-t81.pdf
"""

import re

_SEGMENT = re.compile(rb"\xff([\x02-\xc7\xc9-\xcf\xda-\xef\xfe])", re.DOTALL)
"""A marker with a segment behind it: not filling, an escaped byte, a restart, an end before the scan, or an
extension that nobody uses."""
_FIRST_SCAN = 0xDA
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xDE} - {0xC4, 0xC8, 0xCC})
"""Headers of a frame; the three are tables, and an extension."""
_MOST_SEGMENTS = 10_000
"""Of 64 KiB, the largest picture that is sent has 60; a file of a million empty ones would cost seconds."""
_COLOURS = (1, 3, 4)
_DEPTH = 8


def jpeg_size(data: bytes, *, size: int) -> tuple[int, int] | None:
    """Return width and height; None where the data, of a file of `size` bytes, ends before the scan.

    It is the last frame header before the scan that counts, as for decoders; junk is passed over. Raise
    ValueError with what is wrong.
    """
    at, found = 2, None
    for _ in range(_MOST_SEGMENTS):
        if not (marker := _SEGMENT.search(data, at)):
            return None
        begin = marker.end()
        length = max(2, int.from_bytes(data[begin : begin + 2]))
        at = begin + length
        if at > size:
            raise ValueError("it breaks off before its picture")
        if at > len(data):
            return None
        if marker[1][0] == _FIRST_SCAN:
            return _known(found)
        if marker[1][0] in _FRAMES:
            found = _frame(data[begin + 2 : at])
    raise ValueError(f"it has {_MOST_SEGMENTS:,} segments before its picture")


def _known(found: tuple[int, int] | None) -> tuple[int, int]:
    if found is None:
        raise ValueError("its picture data comes without a frame header")
    return found


def _frame(body: bytes) -> tuple[int, int]:
    if len(body) < 6:
        raise ValueError("its frame header is too short")
    if body[0] != _DEPTH or body[5] not in _COLOURS:
        raise ValueError(f"it has {body[0]} bits of {body[5]} colours, and one has {_DEPTH} of 1, 3 or 4")
    return int.from_bytes(body[3:5]), int.from_bytes(body[1:3])
