"""The four forms a request may have, and how much of each is read.

    POST, JSON                    TC3    10 MiB
    GET, parameters in the query  TC3    32 KiB
    GET, the same                 v1     32 KiB
    POST, urlencoded              v1      1 MiB

https://cloud.tencent.com/document/api/867/44975
"""

from collections.abc import Mapping
from enum import Enum

from starlette.requests import ClientDisconnect, Request

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

LARGEST_REQUEST = 10 * 1024 * 1024
"""Bytes of a POST signed with TC3."""
LARGEST_V1_REQUEST = 1024 * 1024
"""Bytes of a POST signed otherwise."""
LARGEST_QUERY = 32 * 1024
_URLENCODED = "application/x-www-form-urlencoded"


class Form(Enum):
    """How a request carries its parameters and its signature."""

    JSON = "POST of JSON, TC3"
    QUERY = "GET, TC3"
    OLD_QUERY = "GET, v1"
    OLD_FORM = "POST of a form, v1"

    @property
    def uses_tc3(self) -> bool:
        """Return True if common parameters and signature are headers."""
        return self is Form.JSON or self is Form.QUERY

    @property
    def is_query(self) -> bool:
        """Return True if the parameters are in the query."""
        return self is Form.QUERY or self is Form.OLD_QUERY


def form_of(method: str, headers: Mapping[str, str]) -> Form:
    """Recognise a request's form; refuse one that this action does not take."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method == "GET":
        if "authorization" not in headers and "x-tc-action" not in headers:
            return Form.OLD_QUERY
        return _known(media_type, {_URLENCODED: Form.QUERY})
    if method == "POST":
        return _known(media_type, {"application/json": Form.JSON, _URLENCODED: Form.OLD_FORM})
    raise ServiceError(VendorError.UNSUPPORTED_PROTOCOL)


def announced_size(headers: Mapping[str, str]) -> int:
    """Return how many bytes the body will have; 0 for one sent in chunks, whose size is unknown."""
    return int(headers.get("content-length", 0))


def held_size(headers: Mapping[str, str]) -> int:
    """Return how many bytes of the body may be held at most: 0 for one that is refused unread."""
    if "transfer-encoding" in headers:
        return LARGEST_REQUEST
    size = announced_size(headers)
    return size if size <= LARGEST_REQUEST else 0


async def read_content(request: Request, form: Form, headers: Mapping[str, str]) -> bytes:
    """Return the query or the body, never more than the form's limit."""
    if form.is_query:
        query: bytes = request.scope["query_string"]
        if len(query) > LARGEST_QUERY:
            raise ServiceError(VendorError.REQUEST_TOO_LARGE, limit=LARGEST_QUERY)
        return query
    announced = announced_size(headers)
    if form is Form.OLD_FORM:
        too_large = ServiceError(VendorError.TOO_LARGE_FOR_V1)
        return await _read_body(request, announced, limit=LARGEST_V1_REQUEST, too_large=too_large)
    too_large = ServiceError(VendorError.REQUEST_TOO_LARGE, limit=LARGEST_REQUEST)
    return await _read_body(request, announced, limit=LARGEST_REQUEST, too_large=too_large)


def _known(media_type: str, forms: Mapping[str, Form]) -> Form:
    try:
        return forms[media_type]
    except KeyError:
        raise ServiceError(VendorError.UNSUPPORTED_CONTENT_TYPE, media_type=media_type[:64]) from None


async def _read_body(request: Request, announced: int, *, limit: int, too_large: ServiceError) -> bytes:
    if announced > limit:
        raise too_large
    chunk, is_all = await _next_chunk(request)
    if is_all and len(chunk) <= limit:
        return chunk  # nearly always: a small body comes at once, and is not copied
    body = bytearray(chunk)
    while not is_all and len(body) <= limit:
        chunk, is_all = await _next_chunk(request)
        body += chunk
    if len(body) > limit:
        raise too_large
    return bytes(body)


async def _next_chunk(request: Request) -> tuple[bytes, bool]:
    """Return the next bytes of the body, and whether they are its last; raise ClientDisconnect."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), not message.get("more_body", False)
