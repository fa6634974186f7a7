"""The size of a PNG, from its chunks up to the picture's data.

Source: https://www.w3.org/TR/png-3/#5Chunk-layout
"""

import zlib

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bit depths by colour type: https://www.w3.org/TR/png-3/#table111"""
_HEADER_BYTES = 13
_MOST_CHUNKS = 10_000
"""Before the picture, where some dozen are many; a file of empty ones would cost long."""


def png_size(data: bytes, *, size: int) -> tuple[int, int] | None:
    """Return width and height; None where the data, of a file of `size` bytes, ends before its picture.

    Raise ValueError with what is wrong.
    """
    found, at = None, 8
    for _ in range(_MOST_CHUNKS):
        if at + 8 >= len(data):
            return None
        name, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if name == b"IDAT" and found:
            return found
        if name in (b"IDAT", b"IEND"):
            raise ValueError("it has no picture data" if found else "it has no header (IHDR)")
        if not name.replace(b"_", b"a").isalnum():
            raise ValueError("it has a chunk without a name")
        if end > size:
            raise ValueError("it breaks off before its picture")
        if name == b"IHDR":
            if end > len(data):
                return None
            found = _header(memoryview(data)[at + 4 : end])
        at = end
    raise ValueError(f"it has {_MOST_CHUNKS:,} chunks before its picture")


def _header(chunk: memoryview) -> tuple[int, int]:
    """Read name, fields and checksum of the chunk that comes first."""
    body = bytes(chunk[4 : 4 + _HEADER_BYTES])
    if len(chunk) < 4 + _HEADER_BYTES + 4 or zlib.crc32(chunk[:-4]) != int.from_bytes(chunk[-4:]):
        raise ValueError("its header (IHDR) is damaged")
    depth, colour, way_of_filtering = body[8], body[9], body[11]
    if depth not in _DEPTHS.get(colour, ()):
        raise ValueError(f"there is no bit depth {depth} with colour type {colour}")
    if way_of_filtering:
        raise ValueError(f"nobody knows its filter method {way_of_filtering}")
    return int.from_bytes(body[:4]), int.from_bytes(body[4:8])
