"""Mutated heads of pictures: each gets a verdict, soon and in bounded memory, that agrees with Pillow's.

5,000 seeded mutations of JPEG, PNG and BMP files, with bits turned, pieces cut out and doubled; where Pillow
reads the file, format and size must be the same. Further the time and memory of the worst of them.
"""

import io
import random
import sys
import time
import tracemalloc
from collections.abc import Iterator

from PIL import Image

from benchmarks.report import main
from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_heads import Format, Head, read_head
from maskmatch.core.image_rules import check_head

MUTATIONS, QUICK_MUTATIONS = 5000, 1000
SEED = 7
KINDS = {"JPEG": Format.JPEG, "PNG": Format.PNG, "BMP": Format.BMP}
GOALS = {
    "crashes": ("<=", 0),
    "unlike_pillow": ("<=", 0),
    "slowest_ms": ("<=", 50),
    "most_memory_kib": ("<=", 256),
}


def run(quick: bool) -> dict[str, float]:
    """Try 5,000 mutations; quick: 1,000."""
    figures = {"mutations": 0, "read_by_pillow": 0, "refused": 0, "crashes": 0, "unlike_pillow": 0}
    slowest = most = 0.0
    tracemalloc.start()
    for data in _mutations(QUICK_MUTATIONS if quick else MUTATIONS):
        tracemalloc.reset_peak()
        before, began = tracemalloc.get_traced_memory()[0], time.perf_counter()
        try:
            check_head(data, size=len(data))
        except ImageUnusable:
            figures["refused"] += 1
        except Exception:  # noqa: BLE001  this is what is counted
            figures["crashes"] += 1
        slowest = max(slowest, time.perf_counter() - began)
        most = max(most, tracemalloc.get_traced_memory()[1] - before)
        figures["mutations"] += 1
        if seen := _pillow_head(data):
            figures["read_by_pillow"] += 1
            figures["unlike_pillow"] += read_head(data) != seen
    return figures | {"slowest_ms": round(1000 * slowest, 2), "most_memory_kib": round(most / 1024, 1)}


def _mutations(count: int) -> Iterator[bytes]:
    draw = random.Random(SEED)  # noqa: S311
    samples = list(_samples())
    for _ in range(count):
        data = bytearray(draw.choice(samples))
        for _ in range(draw.randint(1, 6)):
            _mutate(data, draw)
        yield bytes(data)


def _mutate(data: bytearray, draw: random.Random) -> None:
    """Change something, most often near the beginning."""
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
    for kind, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"exif": b"Exif\x00\x00" + bytes(3000)}),
        ("PNG", {}),
        ("PNG", {"optimize": True}),
        ("BMP", {}),
    ):
        for mode in ("RGB", "L"):
            stream = io.BytesIO()
            Image.new(mode, (120, 90)).save(stream, kind, **options)
            yield stream.getvalue()


def _pillow_head(data: bytes) -> Head | None:
    try:
        with Image.open(io.BytesIO(data), formats=[*KINDS]) as image:
            return Head(KINDS[str(image.format)], *image.size)
    except Exception:  # noqa: BLE001  Pillow has many ways to say no
        return None


if __name__ == "__main__":
    sys.exit(main("image_fuzz", str(__doc__), run, GOALS))
