"""The address of a service as people type it: a host, with a port if need be."""

import ipaddress
import re
from dataclasses import dataclass

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown_value

_SCHEME = re.compile(r"(https?)://", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host, or host:port, in lower case; `protocol` is https or http where the address began with it."""

    host_port: str
    protocol: str | None = None

    @property
    def host(self) -> str:
        """Return the host alone; that of IPv6 without its brackets."""
        return _parts(self.host_port)[0].strip("[]")

    @property
    def port(self) -> int | None:
        """Return the port, if one is named."""
        port = _parts(self.host_port)[1]
        return int(port) if port else None


def read_endpoint(text: str) -> Endpoint:
    """Return what was meant, without blanks at the ends, protocol and a last `/`; raise InputError."""
    typed = text.strip()
    scheme = _SCHEME.match(typed)
    host_port = typed[scheme.end() if scheme else 0 :].removesuffix("/").lower()
    if problem := problem_of(host_port):
        raise InputError(
            f"{in_ascii(text)} {problem}: write iai.tencentcloudapi.com, or host:port for another service"
        )
    return Endpoint(host_port, scheme[1].lower() if scheme else None)


def in_ascii(text: str) -> str:
    """Return an address as it may be shown, in ASCII: letters of another alphabet look like ours."""
    return shown_value(text).encode("ascii", "backslashreplace").decode()


def problem_of(host_port: str) -> str | None:
    """Return what is wrong with a host, or host:port, in lower case; None for a sound one."""
    for problem, is_wrong in (
        ("holds a user or a password", "@" in host_port),
        ("begins with a protocol other than https and http", "://" in host_port),
        ("holds a blank", any(character.isspace() for character in host_port)),
        ("holds characters that are not ASCII", not host_port.isascii()),
        ("holds a path, a query or a fragment", bool({*"/?#\\"} & {*host_port})),
    ):
        if is_wrong:
            return problem
    host, port = _parts(host_port)
    if not host:
        return "names no host"
    if port is not None and not (re.fullmatch(r"\d{1,5}", port) and 0 < int(port) < 65536):
        return "has no valid port"
    return None if _is_host(host) else "names no valid host"


def _parts(host_port: str) -> tuple[str, str | None]:
    parts = _HOST_AND_PORT.fullmatch(host_port)
    return (parts["host"], parts["port"]) if parts else (host_port, None)


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return bool(_NAME.fullmatch(host))
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return "%" not in host
