"""What leaves, over real sockets: megabytes beside small requests, requests cut short, requests too late."""

import hashlib
import select
import socket
import threading
import time

import pytest

from maskmatch.tencent.exchanges import STALE_SECONDS
from maskmatch.tencent.stages import ExchangeBroken, Stage
from tests.tencent.answers import calls, calls_to, contents, echo, hanging_up, peer, reply, request

pytestmark = pytest.mark.server
BOTH_WAYS = True

SECURE = pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
MEGABYTES = bytes(range(256)) * 4096 * 16
BLOCKS = [b"x" * 65536] * 500


def blocks_of(body):
    """Return a request in blocks, as the client makes them."""
    return [
        request(body)[: -len(body)],
        *(body[start : start + 65536] for start in range(0, len(body), 65536)),
    ]


@SECURE
def test_megabytes_that_the_other_side_takes_slowly_hold_up_nothing_that_is_started_later(is_tls, tmp_path):
    may_read = threading.Event()

    def answer(handler):
        size = int(handler.headers["Content-Length"])
        if size > 100:
            assert may_read.wait(10)
        reply(handler, 200, hashlib.sha256(handler.rfile.read(size)).digest())

    with calls(answer, tls=tmp_path if is_tls else None, reads_body=False, keep=2) as each:
        large = each.started(*blocks_of(MEGABYTES))
        for _ in range(10):
            small = each.made()
            assert small.response.status_code == 200
            assert small.seconds < 1
        assert large.unsent
        may_read.set()
        assert each.ended() == [large]
        assert each.resting == 2
    assert contents([large]) == [hashlib.sha256(MEGABYTES).digest()]


@SECURE
def test_megabytes_of_several_at_once_arrive_as_they_were_sent(is_tls, tmp_path):
    bodies = [bytes([number]) + MEGABYTES[: 3_000_000 + number] for number in range(4)]
    with calls(echo, tls=tmp_path if is_tls else None) as each:
        started = [each.started(*blocks_of(body)) for body in bodies]
        each.ended(4)
        assert contents(started) == bodies  # which also came back in megabytes


def test_the_time_for_the_answer_counts_from_when_the_request_has_left():
    def answer(handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        left = int(handler.headers["Content-Length"])
        while left:
            left -= len(handler.rfile.read(min(left, 1 << 20)))
            time.sleep(0.06)  # a slow reader, over longer than an answer may take
        reply(handler, 200, b"{}")

    with calls(answer, reads_body=False, answer_seconds=0.6) as each:
        slow = each.prepared(*blocks_of(MEGABYTES))
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        each.start(slow)
        assert each.ended() == [slow]
    assert slow.response
    assert slow.seconds > 0.9


def test_a_request_that_has_left_in_pieces_wakes_no_wait_until_its_answer_comes():
    gate = threading.Event()
    with calls(lambda handler: gate.wait(10) and echo(handler)) as each:
        large = each.started(*blocks_of(MEGABYTES))
        while large.unsent:
            each.wait(0.05)
        started = time.monotonic()
        assert each.wait(0.2) == []
        assert time.monotonic() - started >= 0.2  # it slept all the time it was given
        gate.set()
        assert each.ended() == [large]


def test_a_request_that_nobody_takes_is_known_not_to_have_left():
    released = threading.Event()
    with calls(lambda handler: released.wait(10), reads_body=False, answer_seconds=0.2) as each:
        broken = each.made(*blocks_of(MEGABYTES)).broken
        released.set()
    assert (broken.stage, broken.timed_out) == (Stage.SEND, True)


def test_a_request_that_did_not_leave_whole_is_known_as_that():
    with hanging_up(100_000) as endpoint, calls_to(endpoint) as each:
        broken = each.made(*BLOCKS).broken
    assert (broken.stage, type(broken.__cause__)) in {
        (Stage.SEND, ConnectionResetError),
        (Stage.SEND, BrokenPipeError),
    }


@SECURE
def test_so_is_one_whose_connection_was_closed_in_the_middle_of_it(is_tls, tmp_path):
    def hang_up(handler):
        handler.rfile.read(100_000)
        handler.close_connection = True

    with calls(hang_up, reads_body=False, tls=tmp_path if is_tls else None) as each:
        broken = each.made(*blocks_of(MEGABYTES)).broken
    assert broken.stage is Stage.SEND
    assert not broken.timed_out


def test_so_is_one_whose_other_side_says_no_more_before_it_has_taken_all():
    may_go = threading.Event()

    def talk(sock):
        sock.shutdown(socket.SHUT_WR)
        assert may_go.wait(10)

    with peer(talk) as endpoint, calls_to(endpoint) as each:
        broken = each.made(*BLOCKS).broken
        may_go.set()
    assert broken.stage is Stage.SEND


@pytest.mark.parametrize("size", [100_000, 0])
def test_an_answer_that_came_before_the_request_was_whole_is_read_and_the_connection_not_kept(size):
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    with hanging_up(size, early) as endpoint, calls_to(endpoint) as each:
        exchange = each.made(*BLOCKS)
        assert (exchange.response.status_code, exchange.sock.fileno(), each.resting) == (413, -1, 0)


def test_an_early_answer_of_one_that_goes_on_listening_does_not_keep_the_connection_either():
    released = threading.Event()

    def answer(handler):
        reply(handler, 413, b"no")
        released.wait(10)
        handler.close_connection = True

    with calls(answer, reads_body=False) as each:
        assert each.made(*blocks_of(MEGABYTES)).response.status_code == 413
        assert each.resting == 0
        released.set()


def late(each, exchange, **choices):
    with pytest.raises(ExchangeBroken) as caught:
        each.start(exchange, **choices)
    assert exchange.sock.fileno() == -1
    return caught.value.stage


def test_a_request_whose_time_has_passed_is_not_sent():
    seen = []

    def answer(handler):
        seen.append(handler.body)
        echo(handler)

    with calls(answer) as each:
        assert late(each, each.prepared(request(b"late")), send_by=time.monotonic() - 0.001) is Stage.LATE
        each.start(each.prepared(request(b"in time")), send_by=time.monotonic() + 60)
        assert contents(each.ended()) == [b"in time"]
    assert seen == [b"in time"]


@SECURE
def test_a_request_that_rested_is_sent(is_tls, tmp_path):
    with calls(echo, tls=tmp_path if is_tls else None) as each:
        for _ in range(2):  # a new connection, which TLS tells something for later, and one that was used
            rested = each.prepared()
            rested.ready_at -= STALE_SECONDS - 5
            time.sleep(0.05)  # what TLS sends after the handshake travels, and nothing tells of it
            each.start(rested)
            assert each.ended() == [rested]
            assert rested.response


@SECURE
def test_one_whose_other_side_hung_up_while_it_rested_is_not_sent(is_tls, tmp_path):
    seen, may_hang_up = [], threading.Event()

    def answer(handler):
        seen.append(handler.body)
        echo(handler)
        assert may_hang_up.wait(10)
        handler.close_connection = True

    with calls(answer, tls=tmp_path if is_tls else None) as each:
        each.made(request(b"first"))
        rested = each.prepared(request(b"never"))
        may_hang_up.set()
        assert select.select([rested.sock], [], [], 10)[0]
        rested.ready_at -= 1.1
        assert late(each, rested) is Stage.LATE
    assert seen == [b"first"]


def test_one_that_rested_so_long_that_a_router_may_have_forgotten_it_is_not_sent():
    with calls(echo) as each:
        rested = each.prepared()
        rested.ready_at -= STALE_SECONDS + 1
        assert late(each, rested) is Stage.LATE
