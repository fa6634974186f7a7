"""A proxy before an S3 store that lets it answer with any error, for as long as one asks.

caller --> Troubles --> store       with Troubles(server.endpoint_url) as troubles:
                                        call(troubles.endpoint_url)
                                        troubles.begin("ExpiredToken", 400)
                                        troubles.end()

Besides the codes of stores there are troubles of the network: `hung` answers nothing, `cut` drops the
connection, `half` ends a body before its end, `no_size` and `no_tag` leave out headers.

It also stands for stores that are unlike SeaweedFS: one that `hides` headers of its answers (a body without
length comes in chunks), or that refuses a PUT without the headers that it `wants`.
"""

import http.client
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit


def _all(method: str, path: str) -> bool:  # noqa: ARG001
    return True


_HUNG, _CUT, _HALF = "hung", "cut", "half"
_HIDES = {"no_size": {"content-length"}, "no_tag": {"etag", "last-modified"}}
_OURS = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class Troubles:
    """Passes requests on while the `with` block runs; those that are `concerned` meet the trouble, if any.

    `asked` lists method and path of each request.
    """

    def __init__(
        self, endpoint_url: str, *, hides: Collection[str] = (), wants: Collection[str] = ()
    ) -> None:
        self.hides = {name.lower() for name in hides}
        self._wants = wants
        self.asked: list[tuple[str, str]] = []
        self._upstream = urlsplit(endpoint_url).netloc
        self._trouble: tuple[str, int] | None = None
        self._is_over = threading.Event()
        self._concerned: Callable[[str, str], bool] = _all
        self.refused = 0
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint_url(self) -> str:
        """Return the address for S3 clients."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def begin(self, code: str, status: int, *, concerned: Callable[[str, str], bool] = _all) -> None:
        """Answer so from now on to requests that are concerned (method, path)."""
        self._is_over.clear()
        self._concerned, self._trouble = concerned, (code, status)

    def end(self) -> None:
        """Let all requests pass again; those that hang lose their connection."""
        self._trouble = None
        self._is_over.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._server.shutdown()
        self._server.server_close()

    def trouble_for(self, method: str, path: str, headers: "Message[str, str]") -> tuple[str, int] | None:
        """Return code and status with which a request is answered, None when it passes."""
        self.asked.append((method, path))
        trouble = self._trouble if self._concerned(method, path) else None
        if method == "PUT" and any(name not in headers for name in self._wants):
            trouble = ("AccessDenied", 403)
        self.refused += trouble is not None
        return trouble

    def passed_on(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> "_Answer":
        """Return the store's answer; raise OSError or HTTPException when there is none."""
        upstream = http.client.HTTPConnection(self._upstream, timeout=30)
        with closing(upstream):
            upstream.request(method, path, body, dict(headers))
            answer = upstream.getresponse()
            return _Answer(answer.status, answer.getheaders(), answer.read())

    def wait_for_end(self) -> None:
        """Return when the trouble is over."""
        self._is_over.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Keep quiet about callers who have left."""


class _Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    data: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, troubles: Troubles, *args: Any) -> None:
        self._troubles = troubles
        super().__init__(*args)

    def handle_one_request(self) -> None:
        """Answer one request of a connection."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        trouble = self._troubles.trouble_for(self.command, self.path, self.headers)
        if trouble is None or trouble[0] in (_HALF, *_HIDES):
            self._pass_on(body, trouble[0] if trouble else "")
        else:
            self._refuse(*trouble)

    def _refuse(self, code: str, status: int) -> None:
        if code == _HUNG:
            self._troubles.wait_for_end()
        if code in (_HUNG, _CUT):
            self.close_connection = True
            return
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self._answer(status, [("Content-Type", "application/xml")], str(len(text)), text)

    def _pass_on(self, body: bytes, trouble: str) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        try:
            answer = self._troubles.passed_on(self.command, self.path, body, headers)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        hides = self._troubles.hides | _HIDES.get(trouble, set())
        kept = [(name, value) for name, value in answer.headers if name.lower() not in _OURS | hides]
        if "content-length" in hides:
            self._answer_in_chunks(answer.status, kept, answer.data)
            return
        length = dict(answer.headers).get("Content-Length", "0")
        length = length if self.command == "HEAD" else str(len(answer.data))
        is_half = trouble == _HALF and self.command == "GET"
        self._answer(
            answer.status, kept, length, answer.data[: len(answer.data) // 2] if is_half else answer.data
        )
        self.close_connection |= is_half

    def _answer(self, status: int, headers: list[tuple[str, str]], length: str, data: bytes) -> None:
        self._begin(status, [*headers, ("Content-Length", length)])
        if self.command != "HEAD":
            self.wfile.write(data)

    def _answer_in_chunks(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self._begin(status, [*headers, ("Transfer-Encoding", "chunked")])
        if self.command != "HEAD":
            whole = f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""
            self.wfile.write(whole + b"0\r\n\r\n")

    def _begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
