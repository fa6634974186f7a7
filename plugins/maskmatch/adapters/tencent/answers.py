"""One HTTP answer, read from a socket before a deadline; httptools (the parser of Node) takes it apart."""

import socket
import time
from dataclasses import dataclass, field

import httptools

_AT_ONCE = 64 * 1024
_CONTINUE = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, with the names that the vendor's client knows; header names are in Title-Case."""

    status_code: int
    headers: dict[str, str]
    content: bytes = field(repr=False)


class Answer:
    """Reads one answer; `has_begun` says whether its head came, `may_go_on` whether another may follow it."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._is_whole = False
        self.has_begun = False
        self.may_go_on = False

    def read(self, sock: socket.socket, seconds: float) -> Response:
        """Return the answer; raise OSError, also for a deadline that has passed, or ValueError for no HTTP.

        The time-out of the socket must be those seconds already.
        """
        deadline = time.monotonic() + seconds
        while not self._is_whole:
            self._take(sock.recv(_AT_ONCE))
            if not self._is_whole:
                _set_time(sock, deadline)
        return Response(self._status, self._headers, b"".join(self._parts))

    def _take(self, data: bytes) -> None:
        if not data:
            return self._end()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_go_on = False
            if not self._is_whole:
                raise ValueError(f"the answer is not HTTP: {error}") from error

    def _end(self) -> None:
        """Take the end of the connection as that of the answer, if it named none."""
        if not self.has_begun or {"Content-Length", "Transfer-Encoding"} & self._headers.keys():
            raise ConnectionResetError("the connection was closed before the whole answer came")
        self._is_whole = True

    def on_message_begin(self) -> None:
        """Distrust a connection on which something follows an answer."""
        if self._is_whole:
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; of several the first."""
        if not self._is_whole:
            self._headers.setdefault(name.decode("latin-1").title(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Note that an answer has begun."""
        if not self._is_whole:
            self._status = self._parser.get_status_code()
            self.has_begun = self._status != _CONTINUE
            self.may_go_on = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        if not self._is_whole:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Note the end; what only tells us to go on was no answer."""
        self._is_whole = self._is_whole or self.has_begun
        if not self._is_whole:
            self._headers.clear()


def _set_time(sock: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer did not come whole in time")
    sock.settimeout(left)
