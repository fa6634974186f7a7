"""The proxy on the way to the vendor, as the environment names it.

HTTPS_PROXY or HTTP_PROXY by the endpoint's protocol, else ALL_PROXY; NO_PROXY exempts. All in either case,
the lower one first; the standard library reads them.
"""

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from urllib import request
from urllib.parse import unquote

from maskmatch.core.endpoints import Endpoint, in_ascii, read_endpoint
from maskmatch.core.errors import InputError, StopRun

_PORTS = {"https": 443, "http": 80}
_SCHEME = re.compile(r"([a-z0-9+.-]+)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy listens, and the user:password that it asks for."""

    host: str
    port: int
    credential: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Return host:port as it is written, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the header with the credential, if there is one."""
        if self.credential is None:
            return {}
        credential = base64.b64encode(self.credential.encode(errors="surrogateescape"))
        return {"Proxy-Authorization": f"Basic {credential.decode()}"}


def proxy_for(endpoint: Endpoint, *, protocol: str) -> Proxy | None:
    """Return the proxy for an endpoint, if any; raise StopRun, without its password, if we cannot use it."""
    proxies = request.getproxies_environment()
    named = next((name for name in (protocol, "all") if proxies.get(name)), None)
    if named is None or _is_exempt(endpoint, _PORTS[protocol], proxies.get("no", "")):
        return None
    try:
        return read_proxy(proxies[named])
    except InputError as error:
        raise StopRun(f"{named.upper()}_PROXY: {error}") from error


def read_proxy(text: str) -> Proxy:
    """Return the proxy with this address, which may lack `http://`; raise InputError without its password."""
    typed = text.strip()
    scheme = _SCHEME.match(typed)
    credential, at, host_port = typed[scheme.end() if scheme else 0 :].rpartition("@")
    if scheme and scheme[1].lower() != "http":
        raise InputError(f"{in_ascii(text)}: a proxy must be given as http://host:port")
    try:
        place = read_endpoint(host_port)
    except InputError as error:
        raise InputError(f"{in_ascii(text)}: a proxy must be given as http://host:port") from error
    user, _, password = credential.partition(":")
    return Proxy(place.host, place.port or 80, f"{unquote(user)}:{unquote(password)}" if at else None)


def _is_exempt(endpoint: Endpoint, default_port: int, no_proxy: str) -> bool:
    """Return True if NO_PROXY holds *, the host, a domain or a network of it; with or without its port."""
    exempt = [name.removeprefix("*.") for name in re.split(r"[\s,]+", no_proxy)]
    host_port = f"{endpoint.host}:{endpoint.port or default_port}"
    is_named = request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed: macOS only
    return (
        "*" in exempt
        or bool(is_named(host_port, {"no": ",".join(exempt)}))
        or any(_holds(network, endpoint.host) for network in exempt)
    )


def _holds(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:  # one of them is a name
        return False
