"""From an address to a broker."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from maskmatch.adapters.broker.sqlite import SqliteBroker
from maskmatch.core.errors import InputError
from maskmatch.core.pacing import Clock

INTERFACE_GROUP = "face-comparison"


def quota_key(secret_id: str) -> str:
    """Return the name of the timeline of an account; the vendor limits the whole group of interfaces.

    The SecretId itself is not kept. Source: https://cloud.tencent.com/document/product/867/50269
    """
    return f"{INTERFACE_GROUP}:{hashlib.sha256(secret_id.encode()).hexdigest()[:16]}"


def default_broker() -> str:
    """Return the file that all processes of this user on this host share, or what MASKMATCH_BROKER names."""
    return os.environ.get("MASKMATCH_BROKER") or f"sqlite:///{Path.home()}/.maskmatch/broker.sqlite3"


def open_broker(uri: str, *, secret_id: str, calls_per_second: float, clock: Clock) -> SqliteBroker:
    """Return the broker at sqlite:////absolute/path; raise InputError for any other address."""
    parts = urlsplit(uri)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.startswith("//"):
        raise InputError(f"{uri!r} is no broker address: give sqlite:////absolute/path/of/a/file")
    return SqliteBroker(
        Path(unquote(parts.path[1:])),
        quota_key=quota_key(secret_id),
        calls_per_second=calls_per_second,
        clock=clock,
    )
