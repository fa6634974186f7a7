"""Callers who send slowly, too much or not at all, over real sockets; the clocks run faster here."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web import connection_limits as bounds
from comparemaskface.web.app import build_app
from comparemaskface.web.running import build_server

from tests.comparemaskface.service import SETTINGS, HandMade, running

pytestmark = pytest.mark.server

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
FORM = HEAD.replace(b"json", b"x-www-form-urlencoded")
"""Its body says who calls, so it is read whoever that is."""


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Read until the service closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def is_hung_up_on(connection: socket.socket, piece: bytes, *, times: int, pause: float = 0) -> bool:
    """Send a piece again and again, until the service has had enough."""
    try:
        for _ in range(times):
            connection.sendall(piece)
            time.sleep(pause)  # to send slowly is what the caller does here
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


@pytest.fixture(scope="module")
def hurried() -> Iterator[str]:
    """Return the address of a service that waits 0.3 s where it would wait longer."""

    class Hurried(bounds.BoundedConnection):
        head_seconds = 0.3
        body_seconds = 0.3

    app = build_app(SETTINGS, scorer=HashScorer())
    with running(app, connection=Hurried) as address:
        yield address


@pytest.mark.parametrize("start", [b"P", b"POST / HT", HEAD, HEAD + b"X-Endless: "])
def test_a_head_that_does_not_end_is_hung_up_on(hurried: str, start: bytes) -> None:
    with connected(hurried) as connection:
        connection.sendall(start)
        assert rest(connection) == b""


def test_dripping_bytes_win_no_time(hurried: str) -> None:
    with connected(hurried) as connection:
        connection.sendall(HEAD)
        assert is_hung_up_on(connection, b"a", times=100, pause=0.05)


def test_a_body_that_does_not_end_is_hung_up_on(hurried: str) -> None:
    with connected(hurried) as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        assert rest(connection) == b""


def test_a_chunked_body_that_does_not_end_is_hung_up_on(hurried: str) -> None:
    with connected(hurried) as connection:
        connection.sendall(FORM + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        assert rest(connection) == b""


def test_other_callers_are_answered_meanwhile(hurried: str, good: HandMade) -> None:
    with connected(hurried) as slow:
        slow.sendall(HEAD)
        assert b'"Score"' in good.send(hurried).content


def test_a_pause_between_requests_is_not_timed_as_a_slow_request(hurried: str) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n"
    with connected(hurried) as connection:
        for _ in range(2):
            connection.sendall(request[:10])
            connection.sendall(request[10:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)  # longer than the time this service gives to a slow request
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("line", [b"X: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
def test_an_endless_head_is_refused(address: str, line: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(HEAD)
        assert is_hung_up_on(connection, line, times=3000)


def test_a_body_much_too_large_is_answered_and_hung_up_on(address: str) -> None:
    with connected(address) as connection:
        connection.sendall(HEAD + b"Content-Length: 9999999999\r\n\r\n")
        assert b"RequestSizeLimitExceeded" in connection.recv(65536)
        assert is_hung_up_on(connection, b"x" * 2**20, times=2 * bounds.LARGEST_MESSAGE // 2**20)


def test_a_caller_who_asks_nothing_is_hung_up_on_after_a_while(good: HandMade) -> None:
    app = build_app(SETTINGS, scorer=HashScorer())
    with running(app, keep_alive_seconds=1) as address, connected(address) as connection:
        assert rest(connection) == b""


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x00" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x42" * 100,
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_a_request_is_refused(address: str, nonsense: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(nonsense)
        connection.shutdown(socket.SHUT_WR)
        answer = rest(connection)
        assert not answer or answer.startswith(b"HTTP/1.1 4")


def test_pipelined_requests_are_answered_in_their_order(address: str) -> None:
    one, other = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"
    with connected(address) as connection:
        connection.sendall((one + other) * 50 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        statuses = [part[:3] for part in rest(connection).split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"404"] * 50 + [b"200"]


def test_what_came_before_a_request_does_not_count_against_its_head(address: str, good: HandMade) -> None:
    one = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000
    with connected(address) as connection:
        connection.sendall(one + b"GET /health HTTP/1.1\r\nHost: h\r\n")
        first = connection.recv(65536)  # so the service has read the start of the second request by now
        connection.sendall(b"Connection: close\r\n\r\n")
        answers = (first + rest(connection)).split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"200"]


def test_a_server_is_built_with_these_bounds() -> None:
    server = build_server(build_app(SETTINGS, scorer=HashScorer()))
    server.config.load()
    assert server.config.http_protocol_class is bounds.BoundedConnection
    assert server.config.ws_protocol_class is None
