"""From an address to a broker."""

import hashlib
import os
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from maskmatch.adapters.broker.sqlite import SqliteDocument
from maskmatch.core.errors import InputError
from maskmatch.core.pacing import Clock
from maskmatch.core.permits.broker import Broker
from maskmatch.core.permits.document import SharedDocument

INTERFACE_GROUP = "face-comparison"
_FORMS = "sqlite:////absolute/path/of/a/file, redis://host:port/number or postgresql://user@host/database"


def quota_key(secret_id: str) -> str:
    """Return the name of the timeline of an account, known by its id or by its only SecretId.

    The vendor limits the whole group of interfaces.

    The SecretId itself is not kept. Source: https://cloud.tencent.com/document/product/867/50269
    """
    return f"{INTERFACE_GROUP}:{hashlib.sha256(secret_id.encode()).hexdigest()[:16]}"


def default_broker() -> str:
    """Return the file that all processes of this user on this host share, or what MASKMATCH_BROKER names."""
    return os.environ.get("MASKMATCH_BROKER") or f"sqlite:///{Path.home()}/.maskmatch/broker.sqlite3"


def open_broker(uri: str, *, secret_id: str, calls_per_second: float, clock: Clock) -> Broker:
    """Return the broker at an address; raise InputError for what is none. Nothing is connected yet."""
    return Broker(_document(uri, quota_key(secret_id), clock), calls_per_second=calls_per_second)


def _document(uri: str, key: str, clock: Clock) -> SharedDocument:
    parts = _split(uri)
    address = shown(parts)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.startswith("//"):
        return SqliteDocument(Path(unquote(parts.path[1:])), quota_key=key, clock=clock)
    if "@" in parts.path:
        raise InputError(f"{address!r} is no broker address: write / in a password as %2F")
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        from maskmatch.adapters.broker.redis import RedisDocument  # noqa: PLC0415 - only who uses it needs it

        return RedisDocument(uri, address=address, quota_key=key, clock=clock)
    if parts.scheme in ("postgresql", "postgres") and parts.hostname:
        from maskmatch.adapters.broker.postgres import PostgresDocument  # noqa: PLC0415 - the same

        return PostgresDocument(uri, address=address, quota_key=key, clock=clock)
    raise InputError(f"{address!r} is no broker address: give {_FORMS}")


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        raise InputError(f"the broker's address cannot be read: give {_FORMS}") from None
    return parts


def shown(parts: SplitResult) -> str:
    """Return an address as it may be shown: without user, password and options, however it was typed."""
    _, _, place = f"{parts.netloc}{parts.path}".rpartition("@")
    return f"{parts.scheme}://{place}"
