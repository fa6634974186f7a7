"""From the bytes of an image to pixels: the vendor's formats and limits, safe against hostile files.

The header gives format and size first; only an image within the limits is decoded, so a small file that
unpacks to gigabytes costs nothing.
"""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from comparemaskface.vision import jpeg, png
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

LONGEST_JPEG_EDGE = 4000
LONGEST_OTHER_EDGE = 2000
SHORTEST_EDGE = 64
"""Pixels (https://cloud.tencent.com/document/api/867/50425)."""

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
        return _reader(content)(content)
    except ServiceError:
        raise
    except Exception:  # noqa: BLE001 - whatever error the decoder raises, the file is broken
        raise ServiceError(VendorError.UNDECODABLE) from None


def _reader(content: bytes) -> Callable[[bytes], np.ndarray]:
    for magic, reader in _READERS.items():
        if content.startswith(magic):
            return reader
    raise ServiceError(VendorError.UNDECODABLE)


def _read_jpeg(content: bytes) -> np.ndarray:
    picture = jpeg.read_structure(content)
    _check_size(picture.width, picture.height, longest=LONGEST_JPEG_EDGE)
    pixels, again = (_pixels(JpegImageFile(BytesIO(file))) for file in (picture.plain, picture.noisy))
    if not np.array_equal(pixels, again):
        raise ServiceError(VendorError.UNDECODABLE)
    return pixels


def _read_png(content: bytes) -> np.ndarray:
    _check_size(*png.read_size(content), longest=LONGEST_OTHER_EDGE)
    picture = png.read_structure(content)
    picture.check_pixels()
    return _pixels(PngImageFile(BytesIO(picture.plain)))


def _read_bmp(content: bytes) -> np.ndarray:
    image = BmpImageFile(BytesIO(content))
    _check_size(*image.size, longest=LONGEST_OTHER_EDGE)
    return _pixels(image)


def _check_size(width: int, height: int, *, longest: int) -> None:
    if max(width, height) > longest:
        raise ServiceError(VendorError.TOO_MANY_PIXELS)
    if min(width, height) < SHORTEST_EDGE:
        raise ServiceError(VendorError.TOO_FEW_PIXELS)


def _pixels(image: ImageFile) -> np.ndarray:
    image.load()
    return np.asarray(cv2.cvtColor(np.asarray(_rgb(_upright(image))), cv2.COLOR_RGB2BGR))


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken metadata around a sound picture is not a reason to refuse it
        return image
    return image.transpose(turn) if turn is not None else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip at 255 instead of scaling.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "P":
        # By way of RGBA: Pillow warns about transparency in a palette.
        image = image.convert("RGBA")
    return image.convert("RGB")


# The three classes of Pillow are called directly: Image.open would also try other formats, and has a bomb
# limit of its own, which warns or raises by a setting shared with everybody else in the process.
_READERS: dict[bytes, Callable[[bytes], np.ndarray]] = {
    b"\xff\xd8\xff": _read_jpeg,
    b"\x89PNG\r\n\x1a\n": _read_png,
    b"BM": _read_bmp,
}
