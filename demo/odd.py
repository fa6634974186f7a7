"""Pictures of which each is wrong in exactly one way, and two that only look wrong.

Every picture except `no_face` and `empty` holds a good face, so that the named fault is the only one.
"""

import io
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

PORTRAITS = Path(__file__).parent / "portraits"
TURN_RIGHT_TO_VIEW = 6  # EXIF orientation
EXIF_ORIENTATION = 0x0112


def no_face() -> bytes:
    """Draw hills under an evening sky."""
    height, width = 600, 800
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = np.stack([200 - 0.2 * y, 130 + 0.1 * y, 90 + 0.25 * y], axis=-1)
    for number, base in enumerate((330, 410, 500)):
        ridge = base + 35 * np.sin(x / (90 + 40 * number) + 2 * number)
        picture[y > ridge] = (60 - 15 * number, 90 - 20 * number, 70 - 15 * number)
    grain = np.random.default_rng(7).normal(0, 5, picture.shape)
    return _jpeg(np.clip(picture + grain, 0, 255).astype(np.uint8))


def several_faces() -> bytes:
    """Set three portraits side by side; the first is much larger than the others."""
    names, heights = ("ardern-1.jpg", "sunak-1.jpg", "macron-2.jpg"), (800, 380, 320)
    canvas = np.full((800, 1400, 3), (150, 130, 120), np.uint8)
    left = 0
    for name, height in zip(names, heights, strict=True):
        portrait = _resized(_portrait(name), height=height)
        canvas[-height:, left : left + portrait.shape[1]] = portrait
        left += portrait.shape[1] + 40
    return _jpeg(canvas)


def animation() -> bytes:
    """Return a portrait as GIF."""
    file = io.BytesIO()
    Image.fromarray(cv2.cvtColor(_portrait("macron-1.jpg"), cv2.COLOR_BGR2RGB)).save(file, "GIF")
    return file.getvalue()


def truncated() -> bytes:
    """Return the first half of a portrait's file; the upper half of the picture would decode."""
    content = (PORTRAITS / "ardern-2.jpg").read_bytes()
    return content[: len(content) // 2]


def too_small() -> bytes:
    """Return a portrait of 56 x 67 pixels; the short edge must have 64."""
    return _jpeg(_resized(_portrait("macron-1.jpg"), height=67))


def too_large_pixels() -> bytes:
    """Return a portrait on a plain 2400 x 1200 ground as PNG; 2000 is the most."""
    canvas = np.full((1200, 2400, 3), 127, np.uint8)
    portrait = _portrait("macron-1.jpg")
    canvas[: portrait.shape[0], : portrait.shape[1]] = portrait
    return _encoded(".png", canvas)


def too_many_bytes() -> bytes:
    """Return a portrait as BMP of 5.0 MB, 6.7 MB as base64; 5 MiB is the most."""
    return _encoded(".bmp", _resized(_portrait("ardern-1.jpg"), height=1450))


def blurred() -> bytes:
    """Return a portrait out of focus: too blurred for QualityControl 3, yet easy to match."""
    sigma = 2.5 * 117 / 35  # 2.5 pixels of the aligned face, whose eyes are 35 apart; 117 in the portrait
    return _jpeg(cv2.GaussianBlur(_portrait("obama-2.jpg"), (0, 0), sigma))


def empty() -> bytes:
    """Return nothing."""
    return b""


def rotated_exif() -> bytes:
    """Return a portrait lying on its side; only the EXIF orientation says how to hold it."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURN_RIGHT_TO_VIEW
    lying = np.rot90(cv2.cvtColor(_portrait("obama-2.jpg"), cv2.COLOR_BGR2RGB))
    file = io.BytesIO()
    Image.fromarray(lying).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


ODD_PICTURES: dict[str, Callable[[], bytes]] = {
    "no_face.jpg": no_face,
    "several_faces.jpg": several_faces,
    "animation.gif": animation,
    "truncated.jpg": truncated,
    "too_small.jpg": too_small,
    "too_large_pixels.png": too_large_pixels,
    "too_many_bytes.bmp": too_many_bytes,
    "blurred.jpg": blurred,
    "empty.jpg": empty,
    "rotated_exif.jpg": rotated_exif,
}


def _portrait(name: str) -> np.ndarray:
    return np.asarray(cv2.imread(str(PORTRAITS / name)))


def _resized(image: np.ndarray, *, height: int) -> np.ndarray:
    width = math.floor(image.shape[1] * height / image.shape[0])
    kind = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=kind)


def _jpeg(image: np.ndarray) -> bytes:
    return _encoded(".jpg", image)


def _encoded(suffix: str, image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(suffix, image)[1])
