"""Pictures made by code, whole and with one thing wrong."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

EXIF_ORIENTATION = 0x0112
PNG_HEADER_END = 8 + 25


def gradient(width: int = 120, height: int = 80) -> Image.Image:
    x = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    y = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    return Image.fromarray(np.dstack([x, y, np.full_like(x, 40)]))


def noise(width: int = 100, height: int = 90) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def png_of(width: int, height: int, pixels: bytes, *, bits: int, colour: int, interlaced: bool) -> bytes:
    """Encode rows that already carry their filter bytes; `pixels` may be too few or too many."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_with(chunk: bytes) -> bytes:
    """Put a chunk right behind the header of a sound picture."""
    sound = encoded(gradient(), "PNG")
    return sound[:PNG_HEADER_END] + chunk + sound[PNG_HEADER_END:]


def bmp(width: int, height: int, data: bytes, *, bits: int = 8, compression: int = 0, **lies: int) -> bytes:
    """Make a BMP with a palette; `lies`: offset, colours."""
    palette = bytes(range(256)) * 4
    offset = lies.get("offset", 54 + len(palette))
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, lies.get("colours", 256), 0
    )
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(data), 0, 0, offset) + header + palette + data


def start_of_scan(jpeg: bytes) -> int:
    """Return where the entropy-coded data of the first scan begin."""
    marker = jpeg.index(b"\xff\xda")
    return marker + 2 + int.from_bytes(jpeg[marker + 2 : marker + 4], "big")


def last_scan(jpeg: bytes) -> bytes:
    """Return the tables and the data of the last scan of a progressive JPEG."""
    return jpeg[jpeg.rindex(b"\xff\xc4") : -2]
