"""TC3-HMAC-SHA256, seen from the side that verifies (https://cloud.tencent.com/document/api/867/44976)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

ALGORITHM = "TC3-HMAC-SHA256"
SERVICE = "iai"
SIGNED_AS_SENT = frozenset({"content-type", "host"})
"""Mandatory. The vendor's SDK signs their values as it sends them; those of others in lower case, trimmed."""

_HEADER = re.compile(
    rf"{ALGORITHM} +Credential=(?P<credential>[^\s,]+), *SignedHeaders=(?P<headers>[^\s,]+), *"
    r"Signature=(?P<signature>[^\s,]+)"
)
_CREDENTIAL = re.compile(r"(?P<secret_id>[^/]+)/(?P<date>[^/]+)/(?P<service>[^/]+)/tc3_request")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Authorization:
    """Hold what an Authorization header claims."""

    secret_id: str = field(repr=False)
    date: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)


def read_authorization(header: str) -> Authorization:
    """Parse the header; raise MALFORMED_AUTHORIZATION naming the part that is wrong."""
    outer = _matched(_HEADER, header, part="its format is")
    scope = _matched(_CREDENTIAL, outer["credential"], part="`Credential`")
    if scope["service"] != SERVICE:
        raise _malformed("`Service` in Credential")
    _matched(_SIGNATURE, outer["signature"], part="`Signature`")
    return Authorization(
        secret_id=scope["secret_id"],
        date=scope["date"],
        service=scope["service"],
        signed_headers=_signed_headers(outer["headers"]),
        signature=outer["signature"],
    )


def tc3_signature_matches(
    secret_key: str,
    claim: Authorization,
    *,
    headers: Mapping[str, str],
    timestamp: str,
    payload_sha256: str,
    target: str = "POST\n/\n",
) -> bool:
    """Return True, in constant time, if the claimed signature is the one this key gives.

    `headers` has names in lower case and the values as they were sent; `target` is the method, the path and
    the query as they were sent, a line each.
    """
    for name in claim.signed_headers:
        if name not in headers:
            return False
    lines = "".join([f"{name}:{_canonical_value(name, headers[name])}\n" for name in claim.signed_headers])
    request = f"{target}\n{lines}\n{';'.join(claim.signed_headers)}\n{payload_sha256}"
    scope = f"{claim.date}/{claim.service}/tc3_request"
    text = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(_wire(request)).hexdigest()}"
    expected = _hmac(_signing_key(secret_key, claim.date, claim.service), text).hex()
    return hmac.compare_digest(expected, claim.signature)


def _matched(pattern: re.Pattern[str], text: str, *, part: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise _malformed(part)
    return match


def _malformed(part: str) -> ServiceError:
    return ServiceError(VendorError.MALFORMED_AUTHORIZATION, part=part)


@lru_cache(maxsize=64)
def _signed_headers(text: str) -> tuple[str, ...]:
    names = text.split(";")
    in_order = names == sorted(set(names)) and text == text.lower()
    if not in_order or not set(names) >= SIGNED_AS_SENT:
        raise _malformed("`SignedHeaders`")
    return tuple(names)


def _canonical_value(name: str, value: str) -> str:
    return value if name in SIGNED_AS_SENT else value.strip().lower()


@lru_cache(maxsize=64)
def _signing_key(secret_key: str, date: str, service: str) -> bytes:
    key = f"TC3{secret_key}".encode()
    for step in (date, service, "tc3_request"):
        key = _hmac(key, step)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, _wire(text), "sha256")


def _wire(text: str) -> bytes:
    # Everything signed here came as header bytes, which the HTTP layer decodes as Latin-1.
    return text.encode("latin-1")
