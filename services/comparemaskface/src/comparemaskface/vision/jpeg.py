"""The structure of a JPEG, which its decoder does not judge: it fills what is missing with grey.

    SOI | tables, SOF, EXIF, (the rest is left out) | SOS, scan | tables, SOS, scan | EOI | (left out)

Whether a scan is whole is for the decoder to say. Bytes put behind each scan are never looked at when the
scan is whole, and are taken for its missing end when it is not: a whole picture has the same pixels with and
without them. (ITU-T T.81: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annexes B and G.)
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from comparemaskface.vision.structure import BrokenStructure

MOST_SEGMENTS = 2000
"""A phone's picture with depth map and profile has some hundred."""
MOST_SCANS = 32
"""Encoders write up to ten or so. Each costs a walk over all pixels, however few bytes it has."""

_SOI, _EOI, _SOS, _DRI, _DHT, _DQT, _EXIF, _ADOBE = 0xD8, 0xD9, 0xDA, 0xDD, 0xC4, 0xDB, 0xE1, 0xEE
_SEQUENTIAL = {0xC0, 0xC1}
_PROGRESSIVE = 0xC2
_UNUSUAL = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
"""Lossless, hierarchical and arithmetic: browsers and cameras do not know them."""
_NEEDED = {*_SEQUENTIAL, _PROGRESSIVE, _SOS, _DRI, _DHT, _DQT, _ADOBE}
_LAST_COEFFICIENT = 63

_MARKER = re.compile(rb"\xff[^\x00\xff]")
# In a scan 0xFF is followed by 0 (then it is data) or by a restart marker; anything else ends the scan.
_SCAN_END = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_NOISE = bytes(random.Random(81).choices(range(255), k=512))  # noqa: S311 - any bytes but 0xFF will do


@dataclass(frozen=True)
class Jpeg:
    """What a decoder needs of a JPEG, as it is and with noise behind each scan."""

    width: int
    height: int
    plain: bytes
    noisy: bytes


@dataclass(frozen=True)
class _Segment:
    marker: int
    content: bytes
    scan: bytes = b""
    """What follows the header of a scan."""

    def __bytes__(self) -> bytes:
        length = (len(self.content) + 2).to_bytes(2, "big")
        return bytes((0xFF, self.marker)) + length + self.content + self.scan


def read_structure(content: bytes) -> Jpeg:
    """Return the picture's own parts; raise BrokenStructure when one is missing."""
    segments = [segment for segment in _segments(content) if _is_needed(segment)]
    frame = _only_frame(segments)
    _check_scans(frame, [segment for segment in segments if segment.marker == _SOS])
    start, end = bytes((0xFF, _SOI)), bytes((0xFF, _EOI))
    return Jpeg(
        height=int.from_bytes(frame.content[1:3], "big"),
        width=int.from_bytes(frame.content[3:5], "big"),
        plain=b"".join((start, *map(bytes, segments), end)),
        noisy=b"".join((start, *_with_noise(segments), end)),
    )


def _segments(content: bytes) -> Iterator[_Segment]:
    """Walk from marker to marker, up to the first end of image."""
    place = 2
    for _ in range(MOST_SEGMENTS):
        found = _MARKER.search(content, place)
        if found is None:
            raise BrokenStructure("the end of the image is missing")
        marker, start = content[found.end() - 1], found.end()
        if marker == _EOI:
            return
        length = int.from_bytes(content[start : start + 2], "big")
        body = content[start + 2 : start + length]
        if length < 2 or len(body) != length - 2:
            raise BrokenStructure("a segment is cut off")
        place = start + length
        scan = _scan_at(content, place) if marker == _SOS else b""
        place += len(scan)
        yield _Segment(marker, body, scan)
    raise BrokenStructure("too many segments")


def _scan_at(content: bytes, place: int) -> bytes:
    end = _SCAN_END.search(content, place)
    return content[place : end.start() if end else len(content)]


def _is_needed(segment: _Segment) -> bool:
    if segment.marker in _UNUSUAL:
        raise BrokenStructure("not a Huffman-coded JPEG")
    is_exif = segment.marker == _EXIF and segment.content.startswith(b"Exif\0\0")
    return segment.marker in _NEEDED or is_exif


def _only_frame(segments: list[_Segment]) -> _Segment:
    frames = [segment for segment in segments if segment.marker in {*_SEQUENTIAL, _PROGRESSIVE}]
    if len(frames) != 1 or len(frames[0].content) < 6:
        raise BrokenStructure("not one frame")
    return frames[0]


def _check_scans(frame: _Segment, scans: list[_Segment]) -> None:
    """Check that the scans bring every component of the frame to its last bit."""
    if len(scans) > MOST_SCANS:
        raise BrokenStructure("too many scans")
    is_progressive = frame.marker == _PROGRESSIVE
    missing = {
        (component, coefficient)
        for component in frame.content[6::3]
        for coefficient in range(_LAST_COEFFICIENT + 1 if is_progressive else 1)
    }
    for scan in scans:
        missing -= _finished_by(scan.content, is_progressive=is_progressive)
    if missing:
        raise BrokenStructure("scans are missing")


def _finished_by(header: bytes, *, is_progressive: bool) -> set[tuple[int, int]]:
    """Return the components, with their coefficients, that are complete after a scan."""
    count = header[0] if header else 0
    if len(header) != 4 + 2 * count:
        raise BrokenStructure("the header of a scan is wrong")
    components, (first, last, bits) = header[1 : 1 + 2 * count : 2], header[-3:]
    if not is_progressive:
        return {(component, 0) for component in components}
    if bits & 0x0F:
        return set()
    return {(component, place) for component in components for place in range(first, last + 1)}


def _with_noise(segments: list[_Segment]) -> Iterator[bytes]:
    interval = 0
    for segment in segments:
        yield bytes(segment)
        if segment.marker == _DRI:
            interval = int.from_bytes(segment.content, "big")
        if segment.marker == _SOS:
            yield _NOISE
            if interval:
                # The restart that comes next if the scan is not whole, and noise for its blocks.
                restarts = len(_RESTART.findall(segment.scan))
                yield bytes((0xFF, 0xD0 + restarts % 8)) + _NOISE
