"""The structure of a PNG, which its decoder does not judge: it leaves black what is missing.

    signature | IHDR, PLTE, tRNS, eXIf, (the rest is left out unread) | IDAT ... | IEND | (left out)

Texts and profiles may be packed a thousandfold; left out, they are never unpacked.
(https://www.w3.org/TR/png-3/)
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from comparemaskface.vision.structure import BrokenStructure

MOST_CHUNKS = 10_000
"""Encoders cut the pixels into pieces of 8 kB or more."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = {b"PLTE", b"tRNS", b"eXIf"}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Per pixel, by colour type."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Passes of an interlaced picture: first column, first row, step between columns, between rows."""


@dataclass(frozen=True)
class Png:
    """What a decoder needs of a PNG."""

    header: bytes
    kept: bytes
    packed: bytes
    """The pixels, filtered and deflated."""

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return int.from_bytes(self.header[0:4], "big")

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return int.from_bytes(self.header[4:8], "big")

    @property
    def plain(self) -> bytes:
        """Return the file without what is left out."""
        parts = ((b"IHDR", self.header), (b"IDAT", self.packed), (b"IEND", b""))
        header, pixels, end = (_chunk(*part) for part in parts)
        return b"".join((_SIGNATURE, header, self.kept, pixels, end))

    def check_pixels(self) -> None:
        """Check that no pixel is missing; unpacks just as many bytes as there must be."""
        expected = self._unpacked_bytes()
        if len(zlib.decompressobj().decompress(self.packed, expected)) != expected:
            raise BrokenStructure("pixels are missing")

    def _unpacked_bytes(self) -> int:
        bits_per_pixel = self.header[8] * _SAMPLES[self.header[9]]
        return sum(
            rows * (1 + (columns * bits_per_pixel + 7) // 8)
            for columns, rows in self._passes()
            if columns and rows
        )

    def _passes(self) -> Iterator[tuple[int, int]]:
        for left, top, across, down in _ADAM7 if self.header[12] else _WHOLE:
            yield (self.width - left + across - 1) // across, (self.height - top + down - 1) // down


def read_size(content: bytes) -> tuple[int, int]:
    """Return width and height by the header, which always comes first."""
    if content[12:16] != b"IHDR" or len(content) < 24:
        raise BrokenStructure("the header is missing")
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def read_structure(content: bytes) -> Png:
    """Return the picture's own parts; raise BrokenStructure when one is missing."""
    chunks = list(_chunks(content))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise BrokenStructure("the header is missing")
    return Png(
        header=chunks[0][1],
        kept=b"".join(_chunk(kind, body) for kind, body in chunks if kind in _KEPT),
        packed=b"".join(body for kind, body in chunks if kind == b"IDAT"),
    )


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of the chunks needed, up to the end of the picture."""
    place = len(_SIGNATURE)
    for _ in range(MOST_CHUNKS):
        length, kind = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        end = place + 12 + length
        if len(kind) < 4 or end > len(content):
            raise BrokenStructure("a chunk is cut off")
        if kind == b"IEND":
            return
        if kind in {b"IHDR", b"IDAT", *_KEPT}:
            body = content[place + 8 : end - 4]
            if _chunk(kind, body) != content[place:end]:
                raise BrokenStructure("a checksum is wrong")
            yield kind, body
        place = end
    raise BrokenStructure("too many chunks")


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join((len(body).to_bytes(4, "big"), kind, body, checksum.to_bytes(4, "big")))
