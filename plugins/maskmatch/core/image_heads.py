"""Format and size of a picture, read from its first bytes.

No pixel is decoded, so a file of a few bytes that claims to be huge costs nothing. What Pillow reads has the
same size here; beyond that the reader is lenient, since the vendor's own decoder has the last word.
"""

from dataclasses import dataclass
from enum import StrEnum

HEAD_BYTES = 64 * 1024
"""Of an image that is not loaded whole: a camera's notes and preview before the size mostly need less."""


class Format(StrEnum):
    """The formats that the vendor takes."""

    JPEG = "JPG"
    PNG = "PNG"
    BMP = "BMP"


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a file shows; width and height in pixels, None where the head ends before them."""

    format: Format
    width: int | None = None
    height: int | None = None


_MAGIC = ((b"\xff\xd8\xff", Format.JPEG), (b"\x89PNG\r\n\x1a\n", Format.PNG), (b"BM", Format.BMP))
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyp", "HEIC"),
    (0, b"<", "HTML or XML"),
    (0, b"{", "JSON"),
)


def read_head(data: bytes) -> Head | None:
    """Return what the first bytes of a file show; None for a format that the vendor does not take."""
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if kind is None:
        return None
    width, height = _SIZES[kind](data) or (None, None)
    return Head(kind, width, height)


def shows_size(data: bytes) -> bool:
    """Return True unless a picture's size comes behind these first bytes."""
    head = read_head(data)
    return head is None or head.width is not None


def name_of(data: bytes) -> str | None:
    """Return the name of another format that people have, None for bytes that are none of them."""
    return next((name for at, magic, name in _OTHERS if data.startswith(magic, at)), None)


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size by either kind of header; a negative height stands for rows from the top."""
    header = int.from_bytes(data[14:18], "little")
    if header == 12 and len(data) >= 22:
        return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    if header >= 16 and len(data) >= 26:
        height = int.from_bytes(data[22:26], "little", signed=True)
        return int.from_bytes(data[18:22], "little"), abs(height)
    return None


_START_OF_SCAN = 0xDA
_ALONE = (0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE))
"""Markers without a segment behind them: restarts, an end before the scan, extensions that nobody uses."""
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xDE} - {0xC4, 0xC8, 0xCC})
"""Headers of a frame; the three are tables, and an extension."""


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the last frame header before the scan, as decoders do; junk is passed over."""
    at, found = 2, None
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF):
            at += 1 + (marker == 0)
            continue
        if marker == _START_OF_SCAN:
            break
        at += 2
        if marker in _ALONE:
            continue
        length = max(2, int.from_bytes(data[at : at + 2]))
        if marker in _FRAMES and 7 <= length <= len(data) - at:
            found = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 3 : at + 5])
        at += length
    return found


_SIZES = {Format.JPEG: _jpeg_size, Format.PNG: _png_size, Format.BMP: _bmp_size}
