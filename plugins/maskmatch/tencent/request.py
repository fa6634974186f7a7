"""A call as bytes: its body in blocks, and the head that signs it (TC3-HMAC-SHA256).

https://cloud.tencent.com/document/product/1278/46710

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

import hashlib
import hmac
import json
import secrets
import time
import uuid
from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_BLOCK_BYTES = 48 * 1024
"""A multiple of 3, so that base64 of blocks is base64 of the whole; with its text it stays in the cache."""
_HERE = secrets.token_hex(16)
"""Stands for an image until the text around it is made; nobody can put it into a manifest."""
_SCOPE_END = "tc3_request"
_SIGNED_HEADERS = "content-type;host"
_CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """JSON as it is sent, its length in bytes and its SHA-256 in hexadecimal."""

    blocks: tuple[bytes, ...] = field(repr=False)
    length: int
    digest: str


def body_of(parameters: Mapping[str, object]) -> Body:
    """Return the same JSON as the vendor's client, where bytes have become base64 text.

    Megabytes are encoded and hashed block by block, and neither escaped, joined nor copied.
    """
    sha256, length, blocks = hashlib.sha256(), 0, []
    for block in _blocks(parameters):
        sha256.update(block)
        length += len(block)
        blocks.append(block)
    return Body(tuple(blocks), length, sha256.hexdigest())


def _blocks(parameters: Mapping[str, object]) -> Iterator[bytes]:
    images = {name: value for name, value in parameters.items() if isinstance(value, bytes)}
    *texts, last = json.dumps({**parameters, **dict.fromkeys(images, _HERE)}).split(_HERE)
    for text, image in zip(texts, images.values(), strict=True):
        yield text.encode()
        yield from _base64(image)
    yield last.encode()


def _base64(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), _BLOCK_BYTES):
        yield b2a_base64(view[start : start + _BLOCK_BYTES], newline=False)


class Signer:
    """Signs with one credential; the key of a day is derived once."""

    def __init__(self, secret_id: str, secret_key: str, session_token: str | None) -> None:
        self.session_token = session_token
        self._secret_id = secret_id
        self._secret_key = secret_key
        self._day = ("", b"")

    def authorization(self, *, host: str, service: str, digest: str, timestamp: int) -> str:
        """Return the Authorization header for a POST of JSON with this SHA-256."""
        date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
        request = (
            f"POST\n/\n\ncontent-type:{_CONTENT_TYPE}\nhost:{host}\n\n{_SIGNED_HEADERS}\n{digest}".encode()
        )
        scope = f"{date}/{service}/{_SCOPE_END}"
        text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(request).hexdigest()}"
        signature = hmac.digest(self._key(date, service), text.encode(), "sha256").hex()
        return (
            f"TC3-HMAC-SHA256 Credential={self._secret_id}/{scope}, "
            f"SignedHeaders={_SIGNED_HEADERS}, Signature={signature}"
        )

    def _key(self, date: str, service: str) -> bytes:
        known, key = self._day
        if known != f"{date}/{service}":
            key = f"TC3{self._secret_key}".encode()
            for step in (date, service, _SCOPE_END):
                key = hmac.digest(key, step.encode(), "sha256")
            self._day = (f"{date}/{service}", key)
        return key


def head_of(
    fixed: str, body: Body, *, timestamp: int, authorization: str, session_token: str | None
) -> bytes:
    """Return the end of a request's head: what differs from call to call, after the `fixed` lines."""
    token = f"X-TC-Token: {session_token}\r\n" if session_token else ""
    return (
        f"{fixed}X-TC-Timestamp: {timestamp}\r\nX-TC-TraceId: {uuid.uuid4()}\r\n{token}"
        f"Authorization: {authorization}\r\nContent-Length: {body.length}\r\n\r\n"
    ).encode("ascii")


def fixed_head(headers: Mapping[str, str], *, target: str) -> str:
    """Return the lines of a head that are the same for every call; they must hold no line breaks."""
    lines = {"Content-Type": _CONTENT_TYPE, "Accept-Encoding": "identity", **headers}
    return f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
