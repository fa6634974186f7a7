"""The vendor's rules for an image that can be checked before a permit is taken.

Source: https://cloud.tencent.com/document/product/867/50425 (PNG, JPG, BMP; base64 text at most 5M per side)
and https://cloud.tencent.com/document/product/1278/46710 (a request at most 10 MB).
"""

from dataclasses import dataclass, field

from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_heads import Format, name_of, read_head

MAX_FILE_BYTES = 5 * 1024 * 1024 // 4 * 3
"""The largest file whose base64 text fits into 5 MiB."""
MAX_REQUEST_BYTES = 10 * 1024 * 1024
_ENVELOPE_BYTES = 1024
_MOST_PIXELS = {Format.JPEG: 4000, Format.PNG: 2000, Format.BMP: 2000}
"""On the long side; so no picture that is sent has more than 16 million pixels to decode."""
FEWEST_PIXELS = 64
"""On the short side."""
VENDOR_CODES = {
    "image_empty": "InvalidParameterValue.ImageEmpty",
    "image_too_many_bytes": "FailedOperation.ImageSizeExceed",
    "image_undecodable": "FailedOperation.ImageDecodeFailed",
    "image_too_many_pixels": "FailedOperation.ImageResolutionExceed",
    "image_too_few_pixels": "FailedOperation.ImageResolutionTooSmall",
    "request_too_large": "RequestSizeLimitExceeded",
}
"""What the vendor would say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image was, by which it is known again: the store's tag, and digests where its bytes were read.

    `load_ms` is None where nothing was loaded: the vendor fetches it, or it was in memory. `image_id`
    finds what is left of it when it is gone.
    """

    store_host: str
    image_id: str | None = None
    tag: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    load_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One side of a pair as it is sent: its bytes or an address for the vendor. Never shown by repr."""

    data: bytes | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    is_kept: bool = field(default=False, compare=False, repr=False)
    """It was read for an earlier pair: it does not show that the store is there now."""
    facts: ImageFacts | None = field(default=None, compare=False, repr=False)


def check_head(data: bytes, *, size: int) -> None:
    """Raise ImageUnusable for a file that the vendor is certain to reject: its first bytes, and its size."""
    if size == 0:
        raise _unusable("image_empty", "the image is empty (0 bytes)")
    if size > MAX_FILE_BYTES:
        raise _unusable(
            "image_too_many_bytes",
            f"the image is a file of {size:,} bytes or more, and {MAX_FILE_BYTES:,} is the most "
            "(5 MiB as base64)",
        )
    head = read_head(data, size=size)
    if head is None:
        other = name_of(data)
        raise _undecodable(
            f"{other}, which the vendor does not take: convert it to JPG or PNG"
            if other
            else "not a PNG, JPG or BMP by its first bytes"
        )
    if head.damage:
        raise _undecodable(f"a damaged {head.format} ({head.damage}): replace it")
    if head.width is None or head.height is None:
        if len(data) < size:
            return  # the size comes later than what we have
        raise _undecodable(f"a damaged {head.format} (it breaks off before its picture): replace it")
    _check_pixels(head.format, head.width, head.height)


def _check_pixels(kind: Format, width: int, height: int) -> None:
    most = _MOST_PIXELS[kind]
    if max(width, height) > most:
        raise _unusable(
            "image_too_many_pixels",
            f"the image is a {kind} of {width} x {height} px, and the long side of one may have {most}",
        )
    if min(width, height) < FEWEST_PIXELS:
        raise _unusable(
            "image_too_few_pixels",
            f"the image has {width} x {height} px, and the short side needs {FEWEST_PIXELS}",
        )


def _undecodable(what: str) -> ImageUnusable:
    return _unusable("image_undecodable", f"the image is {what}")


def _unusable(code: str, message: str) -> ImageUnusable:
    return ImageUnusable(code, message, vendor_code=VENDOR_CODES[code])


def fit_one_request(reference: Picture, probe: Picture) -> bool:
    """Return True if both images together stay below the size of one request."""
    sizes = (base64_length(side.data or b"") for side in (reference, probe))
    return sum(sizes) + _ENVELOPE_BYTES <= MAX_REQUEST_BYTES


def base64_length(data: bytes) -> int:
    """Return the length of the data as base64 text, in bytes."""
    return (len(data) + 2) // 3 * 4
