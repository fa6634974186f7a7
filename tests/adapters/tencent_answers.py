"""Whatever a test of the client wants to hear, served on loopback."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from maskmatch.adapters.tencent import Account
from maskmatch.core.images import Picture

ONE, OTHER = Picture(data=b"\xff\xd8\xff one"), Picture(data=b"\xff\xd8\xff other")
SCORED = {"Response": {"Score": 1, "FaceModelVersion": "3.0", "RequestId": "r"}}

Answering = Callable[[http.server.BaseHTTPRequestHandler], None]


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that hang up."""


@contextmanager
def serving(answer: Answering, *, reads_body: bool = True) -> Iterator[str]:
    """Call a function for each request; yield host and port. `handler.body` holds what was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        body = b""

        def do_POST(self) -> None:
            if reads_body:
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def do_CONNECT(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with _Quiet(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
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


def error(code, message="no"):
    """Return the vendor's envelope of an error."""
    return {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "r"}}
