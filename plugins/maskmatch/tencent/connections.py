"""Opens HTTP connections, through TLS and proxies where need be, and keeps those that rest.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

import base64
import http.client
import socket
import ssl
import threading
import time
import weakref
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from maskmatch.tencent.stages import ExchangeBroken, Stage

CONNECT_SECONDS = 3.0
"""One packet may be lost: it is sent again after a second, and then after two."""
IDLE_SECONDS = 30.0
"""A connection that rested longer may have been forgotten by a router without a word."""
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to connect: host[:port], the file of trusted authorities for TLS, and a proxy if any."""

    endpoint: str
    authorities: str | None
    proxy: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """Return what a request line names: a proxy of plain HTTP wants the whole address."""
        return f"http://{self.endpoint}/" if self.proxy and not self.authorities else "/"

    @property
    def proxy_headers(self) -> dict[str, str]:
        """Return the proxy's credential, if its address holds one."""
        parts = urlsplit(self.proxy or "")
        if parts.username is None:
            return {}
        credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(credential.encode()).decode()}"}


class Connections:
    """Opens a connection when none is at rest, and keeps at most `keep` of them; for many threads."""

    def __init__(self, place: Place, *, keep: int) -> None:
        self._place = place
        self._tls = ssl.create_default_context(cafile=place.authorities) if place.authorities else None
        self._keep_at_most = keep
        self._resting: list[tuple[float, socket.socket]] = []
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, _close_all, self._resting)

    def take(self) -> socket.socket:
        """Return a connection that nobody else uses; raise ExchangeBroken when none can be opened."""
        while True:
            with self._lock:
                if not self._resting:
                    break
                since, sock = self._resting.pop()
            if time.monotonic() - since < IDLE_SECONDS and not is_over(sock):
                return sock
            sock.close()
        return self._open()

    def keep(self, sock: socket.socket) -> None:
        """Let a connection rest until somebody takes it."""
        with self._lock:
            if self.close.alive and len(self._resting) < self._keep_at_most:
                self._resting.append((time.monotonic(), sock))
                return
        sock.close()

    def _open(self) -> socket.socket:
        try:
            connection = self._connection()
            connection.connect()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ExchangeBroken(Stage.CONNECT, error) from error
        connection.sock.setblocking(False)
        return connection.sock

    def _connection(self) -> http.client.HTTPConnection:
        place, proxy = self._place, self._place.proxy
        if proxy and not proxy.startswith("http://"):
            raise ValueError("a proxy must be given as http://host:port")
        host = urlsplit(proxy).netloc.rpartition("@")[2] if proxy else place.endpoint
        if self._tls is None:
            return http.client.HTTPConnection(host, timeout=CONNECT_SECONDS)
        connection = http.client.HTTPSConnection(host, timeout=CONNECT_SECONDS, context=self._tls)
        if proxy:
            connection.set_tunnel(place.endpoint, headers=place.proxy_headers)
        return connection


def _close_all(resting: list[tuple[float, socket.socket]]) -> None:
    while resting:
        resting.pop()[1].close()


def is_over(sock: socket.socket) -> bool:
    """Return True if a connection at rest has ended; what comes without being asked for counts as an end."""
    try:
        sock.recv(1)
    except OSError as error:  # TLS keeps what came for later to itself: tickets are not the end
        return not isinstance(error, NOT_NOW)
    return True
