"""A small real web server that hands out one picture, and misbehaves on request."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PICTURE = b"\xff\xd8\xff the bytes of a picture"


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
        elif path == "/redirect":
            self._answer(302, b"", Location=argument)
        elif path == "/endless":
            self._answer(200, b"x" * 1024, times=100_000)
        elif path == "/slow":
            self._drip()
        elif path == "/empty":
            self._answer(200, b"")
        elif path == "/cut":
            self._answer(200, b"x" * 10, announced=1000)
        else:
            self._answer(404, b"no such picture")

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

    def _drip(self) -> None:
        """Send a byte now and then, so that only a limit on the whole fetch can end it."""
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""
