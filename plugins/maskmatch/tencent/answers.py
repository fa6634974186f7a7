"""One HTTP answer, taken in as it comes; httptools (the parser of Node) takes it apart.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

from dataclasses import dataclass, field
from functools import lru_cache

import httptools

_CONTINUE = 100
_MOST_BYTES = 4 * 1024 * 1024
"""Of one answer with its head; the vendor's have some hundred bytes, a gateway's page some thousand."""
_MOST_HEAD_BYTES, _MOST_HEADERS = 64 * 1024, 200
"""`http.client` takes as much for one line of a head, and 100 headers."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, with the names that the vendor's client knows; header names are in Title-Case."""

    status_code: int
    headers: dict[str, str]
    content: bytes = field(repr=False)


@lru_cache(maxsize=256)
def _title(name: bytes) -> str:
    """Return a header's name as the SDK looks for it; a service sends the same ones with each answer."""
    return name.decode("latin-1").title()


class HttpAnswer:
    """Takes in one answer: whether its head came, all of it, and whether another may follow it."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._taken = 0
        self.is_whole = False
        self.has_begun = False
        self.may_go_on = False

    def feed(self, data: bytes) -> None:
        """Take in what came, no bytes at its end; raise OSError if that is early.

        Raise ValueError for what is no HTTP, and for more than anybody needs to answer.
        """
        if not data:
            return self._end()
        self._taken += len(data)
        if self._taken > (_MOST_BYTES if self.has_begun else _MOST_HEAD_BYTES):
            self.may_go_on = False
            raise ValueError("the answer is too long")
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_go_on = False
            if not self.is_whole:
                raise ValueError(f"the answer is not HTTP: {error}") from error

    def response(self) -> Response:
        """Return the answer, which must be whole."""
        return Response(self._status, self._headers, b"".join(self._parts))

    def _end(self) -> None:
        """Take the end of the connection as that of the answer, if it named none."""
        if not self.has_begun or {"Content-Length", "Transfer-Encoding"} & self._headers.keys():
            raise ConnectionResetError("the connection was closed before the whole answer came")
        self.is_whole = True

    def on_message_begin(self) -> None:
        """Distrust a connection on which something follows an answer."""
        if self.is_whole:
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; of several the first."""
        if len(self._headers) > _MOST_HEADERS:
            raise ValueError("the answer has too many headers")
        if not self.is_whole:
            self._headers.setdefault(_title(name), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Note that an answer has begun."""
        if not self.is_whole:
            self._status = self._parser.get_status_code()
            self.has_begun = self._status != _CONTINUE
            self.may_go_on = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        if not self.is_whole:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Note the end; what only tells us to go on was no answer."""
        self.is_whole = self.is_whole or self.has_begun
        if not self.is_whole:
            self._headers.clear()
