"""The older signatures, HmacSHA1 and HmacSHA256, from the side that verifies.

https://cloud.tencent.com/document/api/867/44977 : all parameters, sorted, unencoded, behind method, host and
path.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping

_DIGESTS = {"": "sha1", "HmacSHA1": "sha1", "HmacSHA256": "sha256"}


def v1_signature_matches(secret_key: str, fields: Mapping[str, str], *, method: str, host: str) -> bool:
    """Return True, in constant time, if `Signature` among the fields is the one this key gives."""
    digest = _DIGESTS.get(fields.get("SignatureMethod", ""))
    claimed = _decoded(fields["Signature"])
    if digest is None or claimed is None:
        return False
    text = f"{method}{host}/?{_sorted(fields)}"
    # As the parameters were decoded, so that whatever bytes were sent are those that are verified.
    expected = hmac.digest(secret_key.encode(), text.encode("utf-8", "surrogateescape"), digest)
    return hmac.compare_digest(expected, claimed)


def _sorted(fields: Mapping[str, str]) -> str:
    named = {name.replace("_", "."): value for name, value in fields.items() if name != "Signature"}
    return "&".join(f"{name}={named[name]}" for name in sorted(named))


def _decoded(signature: str) -> bytes | None:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return None
