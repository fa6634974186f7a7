"""Mutated heads of pictures: each gets a verdict, soon and in bounded memory, that agrees with Pillow's.

5,000 seeded mutations and truncations of JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF and HEIC files, with bits
turned, pieces cut out and doubled. Where Pillow reads a file of a format that the vendor takes, format and
size must be the same; where it reads another format, the refusal names it. The head has the verdict
of the whole. Further the processor time and memory of the worst of them, and of files made to be slow; and
how many pictures would be paid for that Pillow cannot open.
"""

import io
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

from PIL import Image

from benchmarks.report import main
from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_heads import HEAD_BYTES, Format, Head, is_decided, read_head
from maskmatch.core.image_rules import MAX_FILE_BYTES, check_head

MUTATIONS, QUICK_MUTATIONS = 5000, 1000
SEED = 7
KINDS = {"JPEG": Format.JPEG, "PNG": Format.PNG, "BMP": Format.BMP}
OTHERS = ("GIF", "WEBP", "TIFF", "AVIF")
_SENT = ""
_HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
_KINDS_WITH_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"exif": b"Exif\x00\x00" + bytes(3000)}),
    ("PNG", {}),
    ("PNG", {"optimize": True}),
    ("BMP", {}),
    *((other, {}) for other in OTHERS),
)
GOALS = {
    "crashes": ("<=", 0),
    "unlike_pillow": ("<=", 0),
    "others_unnamed": ("<=", 0),
    "head_unlike_whole": ("<=", 0),
    "sent_though_broken_percent": ("<=", 1),
    "slowest_ms": ("<=", 50),
    "slowest_made_to_be_slow_ms": ("<=", 500),
    "most_memory_kib": ("<=", 256),
}


def run(quick: bool) -> dict[str, float]:
    """Try 5,000 mutations; quick: 1,000."""
    return figures_of(QUICK_MUTATIONS if quick else MUTATIONS, SEED)


def figures_of(count: int, seed: int) -> dict[str, float]:
    """Return what became of so many mutations."""
    counts = Counter(dict.fromkeys(("refused", "read_by_pillow", "others_read_by_pillow"), 0))
    counts.update(dict.fromkeys(("crashes", "unlike_pillow", "others_unnamed", "head_unlike_whole"), 0))
    slowest = most = 0.0
    tracemalloc.start()
    for data in _mutations(count, random.Random(seed)):  # noqa: S311
        verdict, seconds, memory = _measured(data)
        slowest, most = max(slowest, seconds), max(most, memory)
        counts["crashes"] += verdict is None
        counts["refused"] += bool(verdict)
        counts["head_unlike_whole"] += _verdict_by_head(data) != verdict
        counts.update(_against_pillow(data, verdict or _SENT))
    tracemalloc.stop()
    slow = max(_measured(data)[1] for data in _made_to_be_slow())
    broken = counts.pop("sent_though_broken")
    return {"mutations": count, "seed": seed, **counts} | {
        "sent_though_broken_percent": round(100 * broken / count, 2),
        "slowest_ms": round(1000 * slowest, 2),
        "slowest_made_to_be_slow_ms": round(1000 * slow, 1),
        "most_memory_kib": round(most / 1024, 1),
    }


def _measured(data: bytes) -> tuple[str | None, float, float]:
    """Return the verdict, or None for a crash, with seconds and bytes that it took."""
    before = 0
    if tracemalloc.is_tracing():
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
    began = time.thread_time()
    verdict: str | None
    try:
        verdict = _verdict(data, len(data))
    except Exception:  # noqa: BLE001  this is what is counted
        verdict = None
    return verdict, time.thread_time() - began, max(0, tracemalloc.get_traced_memory()[1] - before)


def _verdict(data: bytes, size: int) -> str:
    """Return why a file is not sent; nothing for one that is."""
    try:
        check_head(data, size=size)
    except ImageUnusable as error:
        return f"{error.code}: {error.message}"
    return _SENT


def _verdict_by_head(data: bytes) -> str:
    """Return the verdict on a file that is not loaded whole unless its head does not settle it."""
    head = data[:HEAD_BYTES]
    return _verdict(head if is_decided(head, size=len(data)) else data, len(data))


def _against_pillow(data: bytes, verdict: str) -> Counter[str]:
    """Return what is to be counted of a verdict beside what Pillow sees."""
    seen = _pillow_head(data)
    if seen is None:
        return Counter(sent_though_broken=int(verdict == _SENT))
    if isinstance(seen, Head):
        return Counter(read_by_pillow=1, unlike_pillow=int(read_head(data) != seen))
    is_named = verdict.startswith("image_undecodable") and seen in verdict.upper()
    return Counter(others_read_by_pillow=1, others_unnamed=int(not is_named))


def _mutations(count: int, draw: random.Random) -> Iterator[bytes]:
    samples = list(_samples())
    for number in range(count):
        data = bytearray(draw.choice(samples))
        if number % 5 == 0:
            del data[draw.choice((draw.randrange(80), draw.randrange(len(data)))) :]
        for _ in range(draw.randint(0 if number % 5 == 0 else 1, 6)):
            _mutate(data, draw)
        yield bytes(data)


def _mutate(data: bytearray, draw: random.Random) -> None:
    """Change something, most often near the beginning."""
    if not data:
        return
    at = (
        min(len(data) - 1, int(draw.expovariate(1 / 60)))
        if draw.random() < 0.8
        else draw.randrange(len(data))
    )
    piece = draw.randint(1, 12)
    match draw.randrange(5):
        case 0:
            data[at] ^= 1 << draw.randrange(8)
        case 1:
            data[at] = draw.choice((0x00, 0xFF, 0x7F, 0x80, 0xD8, 0xC0, 0xDA))
        case 2 if len(data) > 64:
            del data[at : at + piece]
        case 3:
            data[at:at] = data[at : at + piece]
        case _:
            del data[max(32, draw.randrange(len(data))) :]


def _samples() -> Iterator[bytes]:
    for kind, options in _KINDS_WITH_OPTIONS:
        for mode in ("RGB", "L"):
            yield _saved(kind, mode, **options)
    for mode in ("1", "P"):
        yield _saved("PNG", mode)
        yield _saved("BMP", mode)
    small = _saved("JPEG", "RGB")
    yield small[:2] + 3 * (b"\xff\xe2\xff\xff" + bytes(0xFFFD)) + small[2:]  # its size is behind long notes
    png = _saved("PNG", "RGB")
    yield png[:33] + len(small).to_bytes(4) + b"juNk" + small + bytes(4) + png[33:]
    yield _HEIC


def _saved(kind: str, mode: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (120, 90)).save(stream, kind, **options)
    return stream.getvalue()


def _made_to_be_slow() -> Iterator[bytes]:
    """Yield files as large as one may be, of as many of the smallest parts as fit."""
    png = _saved("PNG", "RGB")[:33]
    for begin, part in (
        (b"\xff\xd8\xff", b"\xff"),
        (b"\xff\xd8\xff", b"\xff\x00"),
        (b"\xff\xd8\xff", b"\xff\xc4\x00\x02"),
        (png, b"\x00\x00\x00\x00teXt\x00\x00\x00\x00"),
    ):
        yield begin + part * ((MAX_FILE_BYTES - len(begin)) // len(part))


def _pillow_head(data: bytes) -> Head | str | None:
    """Return what Pillow sees in a file that has a picture, or the name of a format that is not taken."""
    try:
        with Image.open(io.BytesIO(data), formats=[*KINDS, *OTHERS]) as image:
            if str(image.format) not in KINDS:
                return str(image.format)
            begins = image.tile[0][2]
            return Head(KINDS[str(image.format)], *image.size) if begins < len(data) else None
    except Exception:  # noqa: BLE001  Pillow has many ways to say no
        return None


if __name__ == "__main__":
    sys.exit(main("image_fuzz", str(__doc__), run, GOALS))
