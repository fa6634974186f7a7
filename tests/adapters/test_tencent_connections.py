"""Connections over real sockets: what is kept, what is not, and at which stage an exchange breaks."""

import base64
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from maskmatch.adapters.tencent import Account, TencentComparer
from maskmatch.adapters.tencent.connections import Connections, ExchangeBroken, Place, Stage
from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, SlotMissed
from maskmatch.core.images import Picture
from tests.adapters.tencent_answers import ONE, OTHER, SCORED, answering, reply, serving
from tests.server.tls_host import tls_host

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def connections_to(endpoint, **choices):
    place = {name: choices.pop(name, None) for name in ("authorities", "proxy")}
    return Connections(Place(endpoint=endpoint, **place), **{"keep": 1} | choices)


def broken(connections, blocks=(b"{}",)):
    with pytest.raises(ExchangeBroken) as caught:
        connections.exchange(HEAD, blocks)
    return caught.value


def test_a_connection_is_used_again():
    ports = []

    def answer(handler):
        ports.append(handler.client_address[1])
        reply(handler, 200, b"{}")

    with serving(answer) as endpoint:
        connections = connections_to(endpoint)
        answers = [connections.exchange(HEAD, (b"{}",)) for _ in range(3)]
        connections.close()
    assert len(set(ports)) == 1
    assert {(each.status_code, each.content) for each in answers} == {(200, b"{}")}


def test_a_connection_that_the_other_side_closed_at_rest_is_opened_anew():
    def answer(handler):
        reply(handler, 200, b"{}")
        handler.close_connection = True  # without a header that says so

    with serving(answer) as endpoint:
        connections = connections_to(endpoint)
        for _ in range(3):
            assert connections.exchange(HEAD, (b"{}",)).status_code == 200
            time.sleep(0.05)  # the end of the connection travels


def test_a_connection_is_closed_when_the_answer_says_so():
    with serving(lambda handler: reply(handler, 200, b"{}", Connection="close")) as endpoint:
        connections = connections_to(endpoint)
        connections.exchange(HEAD, (b"{}",))
        assert not connections._resting


def test_no_more_connections_are_kept_than_asked_for():
    together = threading.Barrier(4)

    def answer(handler):
        together.wait(10)
        reply(handler, 200, b"{}")

    with serving(answer) as endpoint:
        connections = connections_to(endpoint, keep=2)
        threads = [threading.Thread(target=connections.exchange, args=(HEAD, (b"{}",))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(connections._resting) == 2
        connections.close()


def test_a_redirect_is_an_answer_and_not_followed():
    seen = []

    def answer(handler):
        seen.append(handler.path)
        reply(handler, 302, b"", Location="/elsewhere")

    with serving(answer) as endpoint:
        assert connections_to(endpoint).exchange(HEAD, (b"{}",)).status_code == 302
    assert seen == ["/"]


def test_a_request_whose_time_has_passed_is_not_sent():
    seen = []

    def answer(handler):
        seen.append(handler.path)
        reply(handler, 200, b"{}")

    with serving(answer) as endpoint:
        connections = connections_to(endpoint)
        with pytest.raises(ExchangeBroken) as caught:
            connections.exchange(HEAD, (b"{}",), send_by=time.monotonic() - 0.001)
        assert connections.exchange(HEAD, (b"{}",), send_by=time.monotonic() + 60).status_code == 200
        connections.close()
    assert (caught.value.stage, seen) == (Stage.LATE, ["/"])


def test_a_call_whose_permit_has_passed_is_told_apart_from_one_that_failed():
    with answering(lambda handler: reply(handler, 200, json.dumps(SCORED).encode())) as account:
        comparer = TencentComparer(account, connections=1)
        with pytest.raises(SlotMissed):
            comparer.compare(ONE, OTHER, quality_control=0, send_by=time.monotonic() - 0.001)
        assert comparer.compare(ONE, OTHER, quality_control=0).score > 0
        comparer.check()  # which has no permit to keep to
        comparer.close()


def test_a_refused_connection_breaks_before_any_byte():
    assert broken(connections_to("127.0.0.1:9")).stage is Stage.CONNECT


@pytest.mark.parametrize("endpoint", ["127.0.0.1:http", "https://127.0.0.1", "no host", "a..b"])
def test_an_endpoint_that_is_none_breaks_before_any_byte(endpoint):
    assert broken(connections_to(endpoint)).stage is Stage.CONNECT


def test_what_only_says_go_on_is_no_answer():
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\nX-Of-It: 1\r\n\r\n")
        reply(handler, 200, b"{}")

    with serving(answer) as endpoint:
        response = connections_to(endpoint).exchange(HEAD, (b"{}",))
    assert (response.status_code, response.content, "X-Of-It" in response.headers) == (200, b"{}", False)


@pytest.mark.parametrize("more", [b"rubbish", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"])
def test_a_connection_on_which_more_follows_an_answer_is_not_used_again(more):
    def answer(handler):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\na: 2\r\n\r\n{}"
        handler.connection.sendall(head + more)

    with serving(answer) as endpoint:
        connections = connections_to(endpoint)
        response = connections.exchange(HEAD, (b"{}",))
        assert not connections._resting
    assert (response.content, response.headers) == (b"{}", {"Content-Length": "2", "A": "1"})


def test_an_answer_that_drips_has_one_deadline():
    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    with serving(drip) as endpoint:
        started = time.monotonic()
        error = broken(connections_to(endpoint, answer_seconds=0.3))
        assert time.monotonic() - started < 1
    assert (error.stage, error.timed_out) == (Stage.READ, True)


def test_an_answer_that_does_not_come_breaks_while_waiting():
    released = threading.Event()
    with serving(lambda handler: released.wait(10)) as endpoint:
        error = broken(connections_to(endpoint, answer_seconds=0.1))
        released.set()
    assert (error.stage, error.timed_out) == (Stage.WAIT, True)


@contextmanager
def hanging_up(after_bytes, answer=b""):
    """Take so many bytes of one request, answer, and reset the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            sock, _ = listener.accept()
            with sock:
                left = after_bytes
                while left > 0:
                    left -= len(sock.recv(min(left, 65536)))
                sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


BLOCKS = (b"x" * 65536,) * 500


def test_a_request_that_did_not_leave_whole_is_known_as_that():
    with hanging_up(100_000) as endpoint:
        assert broken(connections_to(endpoint), BLOCKS).stage is Stage.SEND


def test_a_call_whose_request_did_not_leave_whole_is_not_billed_and_tried_again():
    picture = Picture(data=b"x" * 30_000_000)
    with hanging_up(100_000) as endpoint:
        account = Account(secret_id="i", secret_key="k", endpoint=endpoint, protocol="http")
        with pytest.raises(CallFailed) as caught:
            TencentComparer(account, connections=1).compare(picture, ONE, quality_control=0)
    failure = caught.value
    assert (failure.rule.billed, failure.rule.action) == (Billed.NO, Action.RETRY)
    assert not failure.never_sent


def test_an_answer_that_came_before_the_request_was_whole_is_read():
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    with hanging_up(100_000, early) as endpoint:
        connections = connections_to(endpoint)
        assert connections.exchange(HEAD, BLOCKS).status_code == 413


def test_megabytes_arrive_as_they_were_sent():
    bodies = []

    def answer(handler):
        bodies.append(json.loads(handler.body))
        reply(handler, 200, SCORED)

    with answering(answer) as account:
        picture = Picture(data=bytes(range(256)) * 12_000)
        TencentComparer(account, connections=1).compare(picture, OTHER, quality_control=0)
    assert [base64.b64decode(bodies[0][name]) for name in ("ImageA", "ImageB")] == [picture.data, OTHER.data]


def test_a_trusted_certificate_is_accepted(tmp_path):
    with tls_host(tmp_path) as port:
        authorities = str(next(tmp_path.glob("*.pem")))
        connections = connections_to(f"localhost:{port}", authorities=authorities)
        assert connections.exchange(HEAD, (b"{}",)).status_code == 501


def failure_over_tls(endpoint):
    account = Account(secret_id="i", secret_key="k", endpoint=endpoint)
    with pytest.raises(CallFailed) as caught:
        TencentComparer(account, connections=1).compare(ONE, OTHER, quality_control=0)
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
        TencentComparer(account, connections=1).compare(ONE, OTHER, quality_control=0)
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
        connections = connections_to(f"localhost:{port}", **place)
        assert connections.exchange(HEAD, (b"{}",)).status_code == 501
        connections.close()
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
