"""Connections over real sockets: what is kept, and what is not."""

import threading
import time

import pytest

from maskmatch.tencent.connections import IDLE_SECONDS
from maskmatch.tencent.stages import ExchangeBroken, Stage
from tests.tencent.answers import calls, calls_to, reply

pytestmark = pytest.mark.server


def unreachable(endpoint, **place):
    with calls_to(endpoint, **place) as each, pytest.raises(ExchangeBroken) as caught:
        each.prepared()
    return caught.value


def test_a_connection_is_used_again():
    ports = []

    def answer(handler):
        ports.append(handler.client_address[1])
        reply(handler, 200, b"{}")

    with calls(answer) as each:
        answers = [each.made().response for _ in range(3)]
    assert len(set(ports)) == 1
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}")}


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_connection_that_the_other_side_closed_at_rest_is_opened_anew(is_tls, tmp_path):
    def answer(handler):
        reply(handler, 200, b"{}")
        handler.close_connection = True  # without a header that says so

    with calls(answer, tls=tmp_path if is_tls else None) as each:
        for _ in range(3):
            assert each.made().response.status_code == 200
            assert each.resting == 1
            time.sleep(0.05)  # the end of the connection travels


def test_a_connection_that_rested_too_long_is_opened_anew():
    ports = []

    def answer(handler):
        ports.append(handler.client_address[1])
        reply(handler, 200, b"{}")

    with calls(answer) as each:
        for seconds in (0, IDLE_SECONDS - 5, IDLE_SECONDS + 1):
            resting = each.connections._resting
            resting[:] = [(since - seconds, sock) for since, sock in resting]
            each.made()
    assert ports[0] == ports[1] != ports[2]


def test_a_connection_is_closed_when_the_answer_says_so():
    with calls(lambda handler: reply(handler, 200, b"{}", Connection="close")) as each:
        assert each.made().sock.fileno() == -1
        assert each.resting == 0


def test_no_more_connections_are_kept_than_asked_for():
    with calls(lambda handler: reply(handler, 200, b"{}"), keep=2) as each:
        for _ in range(4):
            each.started()
        ended = each.ended(4)
        assert each.resting == 2
        assert sum(exchange.sock.fileno() == -1 for exchange in ended) == 2


def test_a_redirect_is_an_answer_and_not_followed():
    seen = []

    def answer(handler):
        seen.append(handler.path)
        reply(handler, 302, b"", Location="/elsewhere")

    with calls(answer) as each:
        assert each.made().response.status_code == 302
    assert seen == ["/"]


def test_a_refused_connection_breaks_before_any_byte():
    assert unreachable("127.0.0.1:9").stage is Stage.CONNECT


def test_what_only_says_go_on_is_no_answer():
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\nX-Of-It: 1\r\n\r\n")
        reply(handler, 200, b"{}")

    with calls(answer) as each:
        response = each.made().response
    assert (response.status_code, response.content, "X-Of-It" in response.headers) == (200, b"{}", False)


@pytest.mark.parametrize("more", [b"rubbish", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"])
def test_a_connection_on_which_more_follows_an_answer_is_not_used_again(more):
    def answer(handler):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\na: 2\r\n\r\n{}"
        handler.connection.sendall(head + more)

    with calls(answer) as each:
        response = each.made().response
        assert each.resting == 0
    assert (response.content, response.headers) == (b"{}", {"Content-Length": "2", "A": "1"})


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_connection_on_which_more_follows_later_is_not_used_again(is_tls, tmp_path):
    ports, said = [], threading.Event()

    def answer(handler):
        ports.append(handler.client_address[1])
        reply(handler, 200, b"{}")
        if len(ports) == 1:
            time.sleep(0.05)  # later than the answer is read
            handler.wfile.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            said.set()

    with calls(answer, tls=tmp_path if is_tls else None) as each:
        each.made()
        assert said.wait(10)
        assert each.made().response.status_code == 200
    assert len(set(ports)) == 2
