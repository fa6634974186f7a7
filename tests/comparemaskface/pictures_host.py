"""A small real web server that hands out one picture, and misbehaves on request."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PICTURE = b"\xff\xd8\xff the bytes of a picture"
PACKED = gzip.compress(bytes(20_000_000))


@dataclass
class PicturesHost:
    """Where the server is, and what it was asked for: (Host header, path)."""

    port: int
    requests: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def pictures_host(pictures: dict[str, bytes] | None = None) -> Iterator[PicturesHost]:
    """Serve on 127.0.0.1 until the block ends; `pictures` are served by their path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    host = PicturesHost(port=server.server_address[1])
    server.requests = host.requests  # type: ignore[attr-defined]  # the handler finds it here
    server.pictures = {"/picture.jpg": PICTURE} | (pictures or {})  # type: ignore[attr-defined]  # same
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append((self.headers["Host"], self.path))  # type: ignore[attr-defined]  # see above
        path, _, argument = self.path.partition("?")
        if content := self.server.pictures.get(path):  # type: ignore[attr-defined]  # see above
            self._answer(200, content)
            return
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        manners = {
            "/redirect": lambda: self._answer(302, b"", Location=argument),
            "/endless": lambda: self._answer(200, b"x" * 1024, times=100_000),
            "/chunks": lambda: self._flood(chunked, b"400\r\n" + b"x" * 1024 + b"\r\n"),
            "/headers": lambda: self._flood(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
            "/informed": lambda: self._flood(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
            "/junk": lambda: self._flood(b"", b"\x00\x01\x02 this is not HTTP\r\n\r\n"),
            "/slow": self._drip,
            "/empty": lambda: self._answer(200, b""),
            "/cut": lambda: self._answer(200, b"x" * 10, announced=1000),
            "/status": lambda: self._answer(int(argument), PICTURE),
            "/labelled": lambda: self._answer(200, PICTURE, **{"Content-Type": argument}),
            "/gzip": lambda: self._answer(200, PACKED, **{"Content-Encoding": "gzip"}),
        }
        manners.get(path, lambda: self._answer(404, b"no such picture"))()

    def _answer(
        self, status: int, content: bytes, *, times: int = 1, announced: int | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(announced or len(content) * times))
        self.end_headers()
        try:
            for _ in range(times):
                self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def _flood(self, start: bytes, piece: bytes) -> None:
        """Send without end, until the caller closes."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(start)
            while True:
                self.wfile.write(piece)

    def _drip(self) -> None:
        """Send a byte now and then, without end, so that only a limit on the whole fetch can end it."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)  # a host that sends slowly is the case itself

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""
