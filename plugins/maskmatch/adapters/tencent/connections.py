"""Kept HTTP connections: one exchange at a time on each, a deadline for the answer, no retries, no redirects.

When an exchange breaks, the stage tells what may have become of the request:

    late, or connect ──> send ──> wait ──> read
    no byte left         not      fate     an answer began,
                         whole    unknown  fate unknown
"""

import base64
import http.client
import math
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from maskmatch.adapters.tencent.answers import Answer, Response

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
"""For the whole answer, however slowly it drips: the vendor's backend gives up after 5 s."""
IDLE_SECONDS = 45.0
"""A connection that rested longer may have been forgotten by a router without a word."""


class Stage(StrEnum):
    """Where an exchange broke."""

    LATE = "late"
    CONNECT = "connect"
    SEND = "send"
    WAIT = "wait"
    READ = "read"


class ExchangeBroken(Exception):
    """No whole answer came; `__cause__` says why, `stage` where."""

    def __init__(self, stage: Stage, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.stage = stage
        self.timed_out = isinstance(cause, TimeoutError)


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

    def __init__(self, place: Place, *, keep: int, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._place = place
        self._answer_seconds = answer_seconds
        self._tls = ssl.create_default_context(cafile=place.authorities) if place.authorities else None
        self._keep_at_most = keep
        self._resting: list[tuple[float, socket.socket]] = []
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, _close_all, self._resting)

    def exchange(self, head: bytes, blocks: Sequence[bytes], *, send_by: float = math.inf) -> Response:
        """Send one request, before `send_by` (monotonic); return its answer or raise ExchangeBroken."""
        sock = self._take() or self._open()
        try:
            _check_time(send_by)
            response, may_go_on = _exchange(sock, head, blocks, seconds=self._answer_seconds)
        except BaseException:
            sock.close()
            raise
        if may_go_on:
            self._keep(sock)
        else:
            sock.close()
        return response

    def _take(self) -> socket.socket | None:
        while True:
            with self._lock:
                if not self._resting:
                    return None
                since, sock = self._resting.pop()
            if time.monotonic() - since < IDLE_SECONDS and not _is_readable(sock):
                return sock
            sock.close()

    def _keep(self, sock: socket.socket) -> None:
        with self._lock:
            if len(self._resting) < self._keep_at_most:
                self._resting.append((time.monotonic(), sock))
                return
        sock.close()

    def _open(self) -> socket.socket:
        try:
            connection = self._connection()
            connection.connect()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ExchangeBroken(Stage.CONNECT, error) from error
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


def _check_time(send_by: float) -> None:
    if time.monotonic() > send_by:
        raise ExchangeBroken(Stage.LATE, TimeoutError("the time to send it had passed"))


def _close_all(resting: list[tuple[float, socket.socket]]) -> None:
    while resting:
        resting.pop()[1].close()


def _exchange(
    sock: socket.socket, head: bytes, blocks: Sequence[bytes], *, seconds: float
) -> tuple[Response, bool]:
    sock.settimeout(seconds)
    unsent, answer = _send(sock, head, blocks), Answer()
    try:
        response = answer.read(sock, seconds)
    except (OSError, ValueError) as error:
        if unsent:
            raise ExchangeBroken(Stage.SEND, unsent) from unsent
        raise ExchangeBroken(Stage.READ if answer.has_begun else Stage.WAIT, error) from error
    return response, answer.may_go_on and not unsent


def _send(sock: socket.socket, head: bytes, blocks: Sequence[bytes]) -> Exception | None:
    """Send all; return the error when the other side hung up first: it may have answered before it did."""
    try:
        if len(blocks) == 1:
            sock.sendall(head + blocks[0])
        else:
            for block in (head, *blocks):
                sock.sendall(block)
    except (BrokenPipeError, ConnectionResetError) as error:
        return error
    except OSError as error:
        raise ExchangeBroken(Stage.SEND, error) from error
    return None


def _is_readable(sock: socket.socket) -> bool:
    """Say whether a connection at rest has something to say: that can only be its end."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
