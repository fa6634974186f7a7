"""Fetch an image the caller gave by URL, without being led into the private network.

    URL -> addresses of its host -> each allowed? -> connect to just that address -> redirect: again

The connection goes to the address that was checked, so a name that changes its mind between the check and
the connection (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from comparemaskface.wire.comparison import LARGEST_BASE64
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

LARGEST_IMAGE = LARGEST_BASE64 // 4 * 3
"""Bytes that fill the largest allowed base64 text."""
TIME_LIMIT = timedelta(seconds=4)
"""For all of one fetch: the vendor's whole answer may take 5 s."""
MOST_REDIRECTS = 3
MOST_AT_ONCE = 64
"""Fetches in progress, each of up to `LARGEST_IMAGE` bytes; more wait, within their time."""
_RESOLVING_THREADS = 8
_LAST_PORT = 65535

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[list[Address]]]

# An IPv4 address written as IPv6 for a translating gateway.
_NAT64 = ip_network("64:ff9b::/96")
# Of special use, though the standard library takes them for global ones: protocol assignments, relays of
# 6to4, local translation, documentation (https://www.iana.org/assignments/iana-ipv4-special-registry and v6).
_SPECIAL = [
    ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20")
]


def is_public(address: Address) -> bool:
    """Return True if an address belongs to the open internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        if address.sixtofour or address.teredo or address.is_site_local:
            return False
    is_special = address.is_multicast or address.is_reserved or any(address in net for net in _SPECIAL)
    return address.is_global and not is_special


def is_any(_address: Address) -> bool:
    """Allow every address: for object storage on this machine."""
    return True


class SystemResolver:
    """Ask the system for the addresses of a host, IPv4 first.

    In threads of its own: a name service that never answers holds them longer than any fetch may last, and
    must not hold those that other work waits for.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> list[Address]:
        """Return the addresses; raises OSError when there are none."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        answers = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        addresses = {ip_address(answer[4][0]) for answer in answers}
        return sorted(addresses, key=lambda address: (address.version, address.packed))


class Fetcher:
    """Fetch images over HTTP. Close it when done."""

    def __init__(
        self,
        *,
        allows: Callable[[Address], bool] = is_public,
        resolver: Resolver | None = None,
        time_limit: timedelta = TIME_LIMIT,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._allows = allows
        self._resolver = resolver or SystemResolver()
        self._turns = asyncio.Semaphore(most_at_once)
        self._time_limit = time_limit
        # The transport, not a client: a client logs whole URLs, and these hold signatures. No connection
        # is kept, since a kept one is known by its address and could serve another host's certificate.
        self._transport = httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def fetch(self, url: str) -> bytes:
        """Return the body behind a URL.

        Raises DOWNLOAD_FAILED whatever the network or the host did, TOO_MANY_BYTES and EMPTY_IMAGE for
        what arrived.
        """
        try:
            async with asyncio.timeout(self._time_limit.total_seconds()), self._turns:
                return await self._follow(httpx.URL(url))
        except (OSError, UnicodeError, TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            # `from None`: the cause would carry the URL and its signature along.
            raise ServiceError(VendorError.DOWNLOAD_FAILED) from None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _follow(self, url: httpx.URL) -> bytes:
        for _hop in range(MOST_REDIRECTS + 1):
            response = await self._transport.handle_async_request(await self._request(url))
            try:
                if response.status_code == httpx.codes.OK:
                    return await _read(response)
                if not response.has_redirect_location:
                    break
                url = url.join(response.headers["location"])
            finally:
                await response.aclose()
        raise ServiceError(VendorError.DOWNLOAD_FAILED)

    async def _request(self, url: httpx.URL) -> httpx.Request:
        """Address a request to a checked address; the name stays in Host and in the TLS handshake."""
        return httpx.Request(
            "GET",
            url.copy_with(host=str(await self._checked_address(url))),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.raw_host.decode("ascii"), "timeout": self._timeouts()},
        )

    async def _checked_address(self, url: httpx.URL) -> Address:
        if url.scheme not in {"http", "https"} or not url.host:
            raise ServiceError(VendorError.DOWNLOAD_FAILED)
        port = url.port or (443 if url.scheme == "https" else 80)
        if port > _LAST_PORT:
            raise ServiceError(VendorError.DOWNLOAD_FAILED)
        addresses = await self._resolver(url.raw_host.decode("ascii"), port)
        if not addresses or not all(self._allows(address) for address in addresses):
            raise ServiceError(VendorError.DOWNLOAD_FAILED)
        return addresses[0]

    def _timeouts(self) -> dict[str, float | None]:
        return httpx.Timeout(self._time_limit.total_seconds()).as_dict()


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > LARGEST_IMAGE:
            raise ServiceError(VendorError.TOO_MANY_BYTES)
    if not content:
        raise ServiceError(VendorError.EMPTY_IMAGE)
    return bytes(content)
