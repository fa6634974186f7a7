"""The size of a BMP, from either kind of header.

Source: https://learn.microsoft.com/windows/win32/gdi/bitmap-storage
"""

_OLD = 12
_HEADERS = (_OLD, 40, 52, 56, 64, 108, 124)
"""Bytes of each version of the header; this alone tells a picture from a text that begins with BM."""
_DEPTHS = (1, 4, 8, 16, 24, 32)
_PALETTE_DEPTHS, _MOST_COLOURS = (1, 4, 8), 65536
_MASKS, _MASKED_DEPTHS = 3, (16, 24, 32)


def bmp_size(data: bytes, *, size: int) -> tuple[int, int] | None:
    """Return width and height; None where the data, of a file of `size` bytes, ends before them.

    Rows from the top have a negative height. Raise ValueError with what is wrong.
    """
    header = _number(data, 14, 4)
    if len(data) >= 18 and header not in _HEADERS:
        raise ValueError("it begins with BM as one does, and goes on as none does")
    if len(data) < 14 + header or len(data) < 26:
        return None
    colours = _check(data, header)
    if _begin(data, header, colours) >= size:
        raise ValueError("it ends before its pixels")
    if header == _OLD:
        return _number(data, 18, 2), _number(data, 20, 2)
    height = _number(data, 22, 4)
    return _number(data, 18, 4), 2**32 - height if data[25] == 0xFF else height


def _check(data: bytes, header: int) -> int:
    """Return how many colours the palette has, 0 without one."""
    is_old = header == _OLD
    depth = _number(data, 24 if is_old else 28, 2)
    packing, colours = (0, 0) if is_old else (_number(data, 30, 4), _number(data, 46, 4))
    if depth not in _DEPTHS:
        raise ValueError(f"there is no bit depth {depth}")
    if packing > _MASKS or (packing == _MASKS and depth not in _MASKED_DEPTHS):
        raise ValueError(f"there is no compression {packing} with bit depth {depth}")
    if depth not in _PALETTE_DEPTHS:
        return 0
    if colours > _MOST_COLOURS:
        raise ValueError(f"a palette of {colours} colours is too large")
    return colours or 1 << depth


def _begin(data: bytes, header: int, colours: int) -> int:
    """Return where the pixels begin: as the file says, else behind header and palette."""
    behind = 14 + header + colours * (3 if header == _OLD else 4)
    said = _number(data, 10, 4)
    return behind if said in (0, 14 + header) else said


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")
