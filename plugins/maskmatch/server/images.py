"""From the bytes of an image to pixels: the vendor's formats and limits, safe against hostile files.

The header gives format and size first; only an image within the limits is decoded, so a small file that
unpacks to gigabytes costs nothing.
"""

from io import BytesIO

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin
from PIL.ImageFile import ImageFile

from maskmatch.server.errors import Mistake, ServiceError

LONGEST_JPEG_EDGE = 4000
LONGEST_OTHER_EDGE = 2000
SHORTEST_EDGE = 64
"""Pixels (https://cloud.tencent.com/document/api/867/50425)."""

# These classes are called directly: Image.open would also try other formats, and has a bomb limit of its
# own, which warns or raises by a setting shared with everybody else in the process.
_READERS: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(content: bytes) -> np.ndarray:
    """Return the image upright, as BGR uint8 (height, width, 3); raise what the vendor would answer."""
    try:
        read = _reader(content)
        _check_whole(read(BytesIO(content)))
        image = read(BytesIO(content))
        image.load()
        upright = _upright(image)
        return np.ascontiguousarray(np.asarray(_rgb(upright))[:, :, ::-1])
    except ServiceError:
        raise
    except Exception:  # noqa: BLE001 - whatever a broken file does to its decoder, it is a broken file
        raise ServiceError(Mistake.UNDECODABLE) from None


def _reader(content: bytes) -> type[ImageFile]:
    for magic, reader in _READERS.items():
        if content.startswith(magic):
            return reader
    raise ServiceError(Mistake.UNDECODABLE)


def _check_whole(image: ImageFile) -> None:
    """Check the size, and the checksums where the format has them; no pixel is decoded yet."""
    longest = LONGEST_JPEG_EDGE if image.format == "JPEG" else LONGEST_OTHER_EDGE
    if max(image.size) > longest:
        raise ServiceError(Mistake.TOO_MANY_PIXELS)
    if min(image.size) < SHORTEST_EDGE:
        raise ServiceError(Mistake.TOO_FEW_PIXELS)
    image.verify()


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken metadata around a sound picture is no reason to refuse it
        return image
    return image.transpose(turn) if turn is not None else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip at 255 instead of scaling.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
