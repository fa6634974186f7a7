"""Where a service is, as people type it."""

from typing import NamedTuple
from urllib.parse import urlsplit

from maskmatch.core.errors import InputError


class Endpoint(NamedTuple):
    """A host with its port where it has one, and the protocol if it was typed."""

    host_port: str
    protocol: str | None


def read_endpoint(text: str) -> Endpoint:
    """Return an endpoint; raise InputError for what is none."""
    scheme, _, rest = text.strip().rpartition("://")
    parts = urlsplit(f"//{rest}")
    if parts.path not in ("", "/") or parts.username is not None:
        raise InputError("give a host such as iai.tencentcloudapi.com, or host:port")
    return Endpoint(parts.netloc, scheme or None)
