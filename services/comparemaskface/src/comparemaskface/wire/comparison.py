"""What a caller asks: two sides, read and checked from the JSON, the query or the form of a request."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.replies import MODEL_VERSION
from comparemaskface.wire.urlencoded import COMMON, read_fields
from comparemaskface.wire.vendor_errors import VendorError

LARGEST_BASE64 = 5 * 1024 * 1024
"""Characters of one image (https://cloud.tencent.com/document/api/867/50425: 5M)."""
STRICTEST_QUALITY = 4

_PARAMETERS: dict[str, type] = {
    "ImageA": str,
    "ImageB": str,
    "UrlA": str,
    "UrlB": str,
    "FaceModelVersion": str,
    "QualityControl": int,
}
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9-][A-Za-z0-9.-]*(:[1-9]\d{0,3})?(/[!-~]*)?", re.ASCII)
"""Nearly all URLs: legal at a glance, which takes a tenth of the time of taking them apart."""
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,")
_WHITESPACE = str.maketrans("", "", " \t\r\n")


@dataclass(frozen=True)
class Link:
    """A side given by URL. `key` names it whatever its query, where signatures live."""

    url: str = field(repr=False)
    key: bytes


@dataclass(frozen=True)
class Picture:
    """A side given by its bytes."""

    content: bytes = field(repr=False)
    key: bytes


Side = Link | Picture


@dataclass(frozen=True)
class Comparison:
    """Two sides, and the least quality (0-4) both must have."""

    a: Side
    b: Side
    quality_control: int

    @property
    def pair(self) -> bytes:
        """Return the key of the pair, the same whichever side comes first."""
        return hashlib.sha256(b"".join(sorted((self.a.key, self.b.key)))).digest()


def read_comparison(body: bytes) -> Comparison:
    """Parse a request's JSON; raise what the vendor would answer."""
    # Here and below `from None`: the cause would carry the caller's data along.
    try:
        content = json.loads(body.decode())  # UTF-8 only: by itself it would take UTF-16 and -32 too
    except (ValueError, RecursionError):
        raise ServiceError(VendorError.NOT_JSON) from None
    if not isinstance(content, dict):
        raise ServiceError(VendorError.NOT_JSON)
    return _comparison(content)


def read_form(raw: bytes) -> Comparison:
    """Parse a request's query or form; raise what the vendor would answer."""
    fields = {name: value for name, value in read_fields(raw).items() if name not in COMMON}
    return _comparison({name: _typed(name, value) for name, value in fields.items()})


def _comparison(content: dict[str, Any]) -> Comparison:
    for name, value in content.items():
        _check_parameter(name, value)
    parameters = {name: value for name, value in content.items() if value is not None}
    if parameters.get("FaceModelVersion", MODEL_VERSION) != MODEL_VERSION:
        raise ServiceError(VendorError.WRONG_MODEL_VERSION)
    quality_control: int = parameters.get("QualityControl", 0)
    if quality_control > STRICTEST_QUALITY:
        raise ServiceError(VendorError.WRONG_QUALITY_CONTROL)
    return Comparison(
        a=_side(parameters, "A"),
        b=_side(parameters, "B"),
        quality_control=quality_control,
    )


def _typed(name: str, text: str) -> str | int:
    """Make a number of the text of a parameter that is one; leave another for the check of types."""
    is_number = _PARAMETERS.get(name) is int and text.isascii() and text.isdecimal() and len(text) <= 20
    return int(text) if is_number else text


def _check_parameter(name: str, value: object) -> None:
    if name not in _PARAMETERS:
        raise ServiceError(VendorError.UNKNOWN_PARAMETER, name=name[:64])
    if value is not None and not _has_type(value, _PARAMETERS[name]):
        raise ServiceError(VendorError.WRONG_TYPE, name=name)


def _has_type(value: object, expected: type) -> bool:
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64
    return isinstance(value, expected)


def _side(parameters: dict[str, Any], letter: str) -> Side:
    """Read one side: the URL if there is one, else the image."""
    if url := parameters.get(f"Url{letter}"):
        return _link(url)
    if (text := parameters.get(f"Image{letter}")) is not None:
        return _picture(text)
    raise ServiceError(VendorError.NO_IMAGE_GIVEN)


def _link(url: str) -> Link:
    if not _PLAIN_URL.fullmatch(url) and not _is_legal(url):
        raise ServiceError(VendorError.WRONG_URL)
    name = url.partition("#")[0].partition("?")[0].encode()
    return Link(url=url, key=hashlib.sha256(b"url:" + name).digest())


def _is_legal(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_complete and url.isprintable() and " " not in url


def _picture(text: str) -> Picture:
    if len(text) > LARGEST_BASE64:
        raise ServiceError(VendorError.TOO_MANY_BYTES)
    if prefix := _DATA_URL.match(text):
        text = text[prefix.end() :]
    try:
        content = base64.b64decode(text.translate(_WHITESPACE), validate=True)
    except ValueError:
        raise ServiceError(VendorError.UNDECODABLE) from None
    if not content:
        raise ServiceError(VendorError.EMPTY_IMAGE)
    return Picture(content=content, key=hashlib.sha256(content).digest())
