"""Whatever a test of the client wants to hear, served on loopback, and a client that asks for it."""

import asyncio
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvloop

from devstack.tls_host import certificate
from maskmatch.core.account_rules import ANSWER_SECONDS
from maskmatch.core.image_rules import Picture
from maskmatch.tencent import Account
from maskmatch.tencent.connections import Connections, Place
from maskmatch.tencent.exchanges import Exchange, Exchanges
from maskmatch.tencent.trust import Authorities

ONE, OTHER = Picture(data=b"\xff\xd8\xff one"), Picture(data=b"\xff\xd8\xff other")
SCORED = {"Response": {"Score": 1, "FaceModelVersion": "3.0", "RequestId": "r"}}

Answering = Callable[[http.server.BaseHTTPRequestHandler], None]


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that hang up."""


class _QuietOnIpv6(_Quiet):
    address_family = socket.AF_INET6


@contextmanager
def serving(
    answer: Answering, *, reads_body: bool = True, tls: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Call a function for each request; yield host and port. `handler.body` holds what was sent.

    With `tls`, a certificate with its key or a folder to make one in, it is served over TLS.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        body = b""

        def do_POST(self) -> None:
            if reads_body:
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def do_CONNECT(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    kind = _QuietOnIpv6 if ":" in host else _Quiet
    with kind((host, 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls if tls.is_file() else certificate(tls))
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            shown = "localhost" if tls else f"[{host}]" if ":" in host else host
            yield f"{shown}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(answer: Answering, **choices: bool) -> Iterator[Account]:
    """Serve whatever a test wants to hear, and yield an account for it."""
    with serving(answer, **choices) as endpoint:
        yield Account(secret_id="id", secret_key="key", endpoint=endpoint, protocol="http")


def reply(handler, status, body, content_type="application/json", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def listening(hung_up):
    """Return what a peer does that hears all and says nothing, and notes when the other side has hung up."""

    def talk(sock):
        while sock.recv(65536):
            pass
        hung_up.set()

    return talk


def echo(handler):
    reply(handler, 200, handler.body)


def error(code, message="no"):
    """Return the vendor's envelope of an error."""
    return {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "r"}}


@contextmanager
def peer(talk):
    """Let a function talk to the first that connects; yield host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            sock, _ = listener.accept()
            with sock:
                talk(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def hanging_up(after_bytes, answer=b""):
    """Take so many bytes of one request, answer, and reset the connection."""

    def talk(sock):
        left = after_bytes
        while left > 0:
            left -= len(sock.recv(min(left, 65536)))
        sock.sendall(answer)

    return peer(talk)


def request(body: bytes = b"{}") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Calls:
    """Makes exchanges with one place, on an event loop where `on_loop` says so."""

    on_loop = False

    def __init__(
        self, endpoint: str, *, keep: int = 1, answer_seconds: float = ANSWER_SECONDS, **place: Any
    ) -> None:
        place = {"authorities": None, "proxy": None} | place
        self.connections = Connections(Place(endpoint=endpoint, **place), keep=keep)
        self.exchanges = Exchanges(self.connections, answer_seconds=answer_seconds)
        self._loop = uvloop.new_event_loop() if self.on_loop else None
        self._ended: list[Exchange] = []
        if self._loop:
            self.exchanges.attach(self._loop)

    @property
    def resting(self) -> int:
        return len(self.connections._resting)

    def prepared(self, *blocks: bytes) -> Exchange:
        return Exchange(self.connections.take(), blocks or [request()])

    def started(self, *blocks: bytes) -> Exchange:
        exchange = self.prepared(*blocks)
        self.start(exchange)
        return exchange

    def start(self, exchange: Exchange, **choices: Any) -> None:
        on_end = self._ended.append if self._loop else None
        self.exchanges.start(exchange, on_end=on_end, **choices)

    def wait(self, seconds: float) -> list[Exchange]:
        """Return what has ended, after so many seconds at most."""
        if not self._loop:
            return self.exchanges.wait(seconds)
        until = time.monotonic() + seconds
        while True:
            self._loop.run_until_complete(asyncio.sleep(0.005))  # the loop takes in what has come
            if self._ended or time.monotonic() >= until:
                break
        ended = self._ended.copy()
        self._ended.clear()
        return ended

    def ended(self, count: int = 1) -> list[Exchange]:
        """Wait for so many, and no more."""
        ended: list[Exchange] = []
        give_up_at = time.monotonic() + 20
        while len(ended) < count and time.monotonic() < give_up_at:
            ended += self.wait(0.05)
        assert len(ended) == count
        return ended

    def made(self, *blocks: bytes) -> Exchange:
        """Return an exchange that has ended while nothing else was in flight."""
        exchange = self.started(*blocks)
        assert self.ended() == [exchange]
        return exchange

    def close(self) -> None:
        self.exchanges.close()
        self.connections.close()
        if self._loop:
            self._loop.close()


def calls_to(endpoint: str, **choices: Any) -> closing[Calls]:
    return closing(Calls(endpoint, **choices))


@contextmanager
def calls(answer: Answering, **choices: Any) -> Iterator[Calls]:
    """Serve whatever a test wants to hear, and yield who asks for it."""
    served = {name: choices.pop(name) for name in ("reads_body", "tls") if name in choices}
    with serving(answer, **served) as endpoint:
        if tls := served.get("tls"):
            choices["authorities"] = trusted_in(tls)
        with calls_to(endpoint, **choices) as each:
            yield each


def trusted_in(folder: Path) -> Authorities:
    """Return the certificate that a server has made there, which signed itself."""
    return Authorities(str(next(folder.glob("*.pem"))))


def contents(exchanges: Iterable[Exchange]) -> list[bytes]:
    """Return what was answered; all must have been."""
    return [exchange.response.content for exchange in exchanges if exchange.response]
