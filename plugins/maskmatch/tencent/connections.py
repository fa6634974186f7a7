"""Opens HTTP connections, through TLS and proxies where need be, and keeps those that rest.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

import socket
import ssl
import threading
import time
import weakref
from dataclasses import dataclass

from maskmatch.core.endpoints import read_endpoint
from maskmatch.core.errors import StopRun
from maskmatch.tencent.answers import HttpAnswer
from maskmatch.tencent.proxies import Proxy
from maskmatch.tencent.stages import ExchangeBroken, Stage
from maskmatch.tencent.trust import Authorities

_WANTS_KEY = 407
CONNECT_SECONDS = 3.0
"""One packet may be lost: it is sent again after a second, and then after two."""
IDLE_SECONDS = 30.0
"""A connection that rested longer may have been forgotten by a router without a word."""
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to connect: host[:port], whose certificates are trusted if by TLS, and a proxy if any."""

    endpoint: str
    authorities: Authorities | None
    proxy: Proxy | None = None

    @property
    def target(self) -> str:
        """Return what a request line names: a proxy of plain HTTP wants the whole address."""
        return f"http://{self.endpoint}/" if self.proxy and not self.authorities else "/"

    @property
    def proxy_headers(self) -> dict[str, str]:
        """Return what a proxy of plain HTTP wants to see in each request; through a tunnel it sees none."""
        return self.proxy.headers if self.proxy and not self.authorities else {}


class Connections:
    """Opens a connection when none is at rest, and keeps at most `keep` of them; for many threads.

    Raise InputError or StopRun when the place says that none can ever be opened.
    """

    def __init__(self, place: Place, *, keep: int) -> None:
        self._place = place
        endpoint = read_endpoint(place.endpoint)
        self._host, self._port = endpoint.host, endpoint.port or (443 if place.authorities else 80)
        self._tls = place.authorities.context() if place.authorities else None
        self._keep_at_most = keep
        self._resting: list[tuple[float, socket.socket]] = []
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, _close_all, self._resting)

    def take(self) -> socket.socket:
        """Return a connection that nobody else uses; raise ExchangeBroken when none can be opened.

        Raise StopRun when the other side shows a certificate that is not accepted.
        """
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
        place, proxy = self._place, self._place.proxy
        try:
            sock = socket.create_connection(
                (proxy.host, proxy.port) if proxy else (self._host, self._port), CONNECT_SECONDS
            )
        except OSError as error:
            raise ExchangeBroken(Stage.CONNECT, error) from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._secured(sock)
        except StopRun:
            sock.close()
            raise
        except (OSError, ValueError) as error:
            sock.close()
            if place.authorities and isinstance(error, ssl.SSLCertVerificationError):
                raise place.authorities.refusal(f"https://{place.endpoint}", error) from error
            raise ExchangeBroken(Stage.CONNECT, error) from error
        sock.setblocking(False)
        return sock

    def _secured(self, sock: socket.socket) -> socket.socket:
        """Return a connection through TLS, through a tunnel if there is a proxy; or as it was without TLS."""
        if self._tls is None:
            return sock
        if self._place.proxy:
            target = f"[{self._host}]" if ":" in self._host else self._host
            _dig(sock, f"{target}:{self._port}", self._place.proxy)
            sock.settimeout(CONNECT_SECONDS)
        return self._tls.wrap_socket(sock, server_hostname=self._host)


def _dig(sock: socket.socket, target: str, proxy: Proxy) -> None:
    """Let a proxy carry all that follows.

    Raise OSError or ValueError when it does not within the time, StopRun when it wants a password.
    """
    headers = {"Host": target, **proxy.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\n{lines}\r\n".encode())
    answer, give_up_at = HttpAnswer(), time.monotonic() + CONNECT_SECONDS
    while not answer.has_begun:
        sock.settimeout(max(give_up_at - time.monotonic(), 0.001))
        answer.feed(sock.recv(4096))
    status = answer.response().status_code
    if status == _WANTS_KEY:
        raise StopRun(
            f"the proxy {proxy.place} wants a user and a password ({status}): write them into "
            "HTTPS_PROXY as http://user:password@host:port"
        )
    if not 200 <= status < 300:
        raise ConnectionRefusedError(f"the proxy {proxy.place} answered {status}")


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
