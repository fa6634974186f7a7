"""Connections over real sockets: what is kept, what is not, and what opens them through TLS and proxies."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from maskmatch.core.codes import Billed
from maskmatch.core.errors import CallFailed
from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.connections import IDLE_SECONDS, Place
from maskmatch.tencent.stages import ExchangeBroken, Stage
from tests.comparemaskface.tls_host import tls_host
from tests.tencent.answers import ONE, OTHER, SCORED, answering, calls, calls_to, reply, serving

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


@pytest.mark.parametrize("endpoint", ["127.0.0.1:http", "https://127.0.0.1", "no host", "a..b"])
def test_a_wrong_endpoint_breaks_before_any_byte(endpoint):
    assert unreachable(endpoint).stage is Stage.CONNECT


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


def test_a_trusted_certificate_is_accepted(tmp_path):
    with tls_host(tmp_path) as port:
        authorities = str(next(tmp_path.glob("*.pem")))
        with calls_to(f"localhost:{port}", authorities=authorities) as each:
            assert each.made().response.status_code == 501


def failure_over_tls(endpoint):
    account = Account(secret_id="i", secret_key="k", endpoint=endpoint)
    with closing(TencentComparer(account, connections=1)) as comparer, pytest.raises(CallFailed) as caught:
        comparer.prepare(ONE, OTHER, quality_control=0)
    return caught.value


def test_a_certificate_of_nobody_known_is_refused_before_any_byte(tmp_path):
    with tls_host(tmp_path) as port:
        failure = failure_over_tls(f"localhost:{port}")
    assert (failure.never_sent, failure.rule.billed) == (True, Billed.NO)
    assert "CERTIFICATE_VERIFY_FAILED" in failure.message


def test_a_proxy_of_plain_http_is_asked_for_the_whole_address(monkeypatch):
    seen = []

    def answer(handler):
        seen.append((handler.path, handler.headers["Host"], handler.headers["Proxy-Authorization"]))
        reply(handler, 200, SCORED)

    with serving(answer) as proxy, answering(answer) as account:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%40ss@{proxy}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with closing(TencentComparer(account, connections=1)) as comparer:
            comparer.compare(ONE, OTHER, quality_control=0)
    assert seen == [(f"http://{account.endpoint}/", account.endpoint, "Basic bWU6cEBzcw==")]


def tunnel(handler):
    """Connect as a proxy does, and carry bytes both ways."""
    host, _, port = handler.path.partition(":")
    with socket.create_connection((host, int(port))) as far:
        handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=carry, args=(far, handler.connection))
        back.start()
        carry(handler.connection, far)
        back.join()
    handler.close_connection = True


def carry(source, target):
    with suppress(OSError):  # whoever hangs up first
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_tls_goes_through_a_tunnel_of_the_proxy(tmp_path):
    asked = []

    def answer(handler):
        asked.append((handler.path, handler.headers["Proxy-Authorization"]))
        tunnel(handler)

    with tls_host(tmp_path) as port, serving(answer) as proxy:
        authorities = str(next(tmp_path.glob("*.pem")))
        place = {"authorities": authorities, "proxy": f"http://me:pass@{proxy}"}
        with calls_to(f"localhost:{port}", **place) as each:
            assert each.made().response.status_code == 501
    assert asked == [(f"localhost:{port}", "Basic bWU6cGFzcw==")]


@pytest.mark.parametrize("protocol", ["http://", ""])
def test_a_proxy_that_refuses_breaks_before_any_byte_and_its_password_is_not_told(protocol, monkeypatch):
    with serving(lambda handler: reply(handler, 407, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{protocol}me:s3cret@{proxy}")
        failure = failure_over_tls("127.0.0.1:9")
    assert failure.never_sent
    assert "407" in failure.message
    assert "s3cret" not in str(failure) + repr(
        Place(endpoint="", authorities=None, proxy="http://me:s3cret@p")
    )


@pytest.mark.parametrize("proxy", ["https://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_proxy_of_another_kind_is_refused_with_the_cure(proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert "http://host:port" in failure_over_tls("127.0.0.1:9").message
