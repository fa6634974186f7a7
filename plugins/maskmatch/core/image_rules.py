"""The vendor's rules for an image that can be checked before a permit is taken.

Source: https://cloud.tencent.com/document/product/867/50425 (PNG, JPG, BMP; base64 text at most 5M per side)
and https://cloud.tencent.com/document/product/1278/46710 (a request at most 10 MB).
"""

from dataclasses import dataclass, field

from maskmatch.core.errors import ImageUnusable

MAX_FILE_BYTES = 5 * 1024 * 1024 // 4 * 3
"""The largest file whose base64 text fits into 5 MiB."""
MAX_REQUEST_BYTES = 10 * 1024 * 1024
_ENVELOPE_BYTES = 1024
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image was, by which it is known again: the store's tag, and digests where its bytes were read.

    `load_ms` is None where nothing was loaded: the vendor fetches it, or it was in memory.
    """

    store_host: str
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


def check_size(size: int) -> None:
    """Raise ImageUnusable for a file of so many bytes that the vendor is certain to reject."""
    if size == 0:
        raise ImageUnusable("image_empty", "the image is empty (0 bytes)")
    if size > MAX_FILE_BYTES:
        raise ImageUnusable(
            "image_too_many_bytes",
            f"the image is a file of more than {MAX_FILE_BYTES:,} bytes (5 MiB as base64)",
        )


def check_bytes(data: bytes) -> None:
    """Raise ImageUnusable for bytes that the vendor is certain to reject."""
    check_size(len(data))
    if not data.startswith(_MAGIC):
        raise ImageUnusable("image_undecodable", "the image is not a PNG, JPG or BMP by its first bytes")


def fit_one_request(reference: Picture, probe: Picture) -> bool:
    """Return True if both images together stay below the size of one request."""
    sizes = (base64_length(side.data or b"") for side in (reference, probe))
    return sum(sizes) + _ENVELOPE_BYTES <= MAX_REQUEST_BYTES


def base64_length(data: bytes) -> int:
    """Return the length of the data as base64 text, in bytes."""
    return (len(data) + 2) // 3 * 4
