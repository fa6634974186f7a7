"""Format and size of a picture, read from its first bytes.

No pixel is decoded, so a file of a few bytes that claims to be huge costs nothing. What Pillow reads has the
same size here, and what its head shows to be broken is refused as there; beyond that the reader is lenient,
since the vendor's own decoder has the last word.
"""

from dataclasses import dataclass
from enum import StrEnum

from maskmatch.core.bmp_heads import bmp_size
from maskmatch.core.jpeg_heads import jpeg_size
from maskmatch.core.png_heads import png_size

HEAD_BYTES = 64 * 1024
"""Of an image that is not loaded whole: a camera's notes and preview before the size mostly need less."""


class Format(StrEnum):
    """The formats that the vendor takes."""

    JPEG = "JPG"
    PNG = "PNG"
    BMP = "BMP"


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a file shows: width and height in pixels, or what is wrong; neither where it ends.

    It shows the size only when the picture's data has begun.
    """

    format: Format
    width: int | None = None
    height: int | None = None
    damage: str | None = None


_READERS = (
    (b"\xff\xd8\xff", Format.JPEG, jpeg_size),
    (b"\x89PNG\r\n\x1a\n", Format.PNG, png_size),
    (b"BM", Format.BMP, bmp_size),
)
_OTHERS = (
    (0, (b"GIF8",), "a GIF"),
    (8, (b"WEBP",), "a WebP"),
    (
        0,
        (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"II\x00*", b"MM*\x00"),
        "a TIFF or a camera's raw data",
    ),
    (4, (b"ftypavif", b"ftypavis"), "an AVIF"),
    (4, (b"ftyphei", b"ftyphev"), "a HEIC"),
    (4, (b"ftypmif1", b"ftypmsf1"), "a HEIC or AVIF"),
    (4, (b"ftyp",), "a video, or a picture that is kept as one,"),
    (0, (b"\x00\x00\x00\x0cJXL ", b"\xff\x0a"), "a JPEG XL"),
    (0, (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"), "a JPEG 2000"),
    (0, (b"\x00\x00\x01\x00",), "an icon (ICO)"),
    (0, (b"8BPS",), "a Photoshop file"),
    (0, (b"%PDF",), "a PDF"),
    (0, (b"PK\x03\x04", b"\x1f\x8b"), "a compressed file"),
    (0, (b"<",), "HTML or XML"),
    (0, (b"{",), "JSON"),
)


def read_head(data: bytes, *, size: int | None = None) -> Head | None:
    """Return what the first bytes of a file show; None for a format that the vendor does not take.

    `size` is that of the file, where the data is not all of it.
    """
    for magic, kind, size_of in _READERS:
        if data.startswith(magic):
            try:
                found = size_of(data, size=len(data) if size is None else size)
            except ValueError as error:
                return Head(kind, damage=str(error))
            return Head(kind, *(found or ()))
    return None


def is_decided(data: bytes, *, size: int) -> bool:
    """Return True if more bytes of a file could not change what is known of it."""
    head = read_head(data, size=size)
    return len(data) >= size or head is None or head.width is not None or head.damage is not None


def name_of(data: bytes) -> str | None:
    """Return in words which other format it is that people have, None for bytes that are none of them."""
    return next((name for at, magics, name in _OTHERS if data.startswith(magics, at)), None)
