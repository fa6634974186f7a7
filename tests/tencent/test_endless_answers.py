"""Answers without end, over real sockets: bounded in bytes, in headers and in time, and never kept."""

import threading
from itertools import repeat

import pytest

from maskmatch.tencent.stages import Stage
from tests.tencent.answers import calls, reply

pytestmark = pytest.mark.server
BOTH_WAYS = True

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = bytes(65536)
ENDLESS = {
    "one header": (OK + b"A: ", b"x" * 65536, Stage.WAIT),
    "the name of a header": (OK, b"x" * 65536, Stage.WAIT),
    "many headers": (OK, b"".join(b"A%d: b\r\n" % number for number in range(1000)), Stage.WAIT),
    "one header many times": (OK, b"A: b\r\n" * 1000, Stage.WAIT),
    "a reason": (b"HTTP/1.1 200 ", b"x" * 65536, Stage.WAIT),
    "going on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, Stage.WAIT),
    "a body": (OK + b"\r\n", MUCH, Stage.READ),
    "a body of the length it says": (OK + b"Content-Length: 99999999999\r\n\r\n", MUCH, Stage.READ),
    "chunks": (CHUNKED, b"10000\r\n" + MUCH + b"\r\n", Stage.READ),
    "small chunks": (CHUNKED, b"1\r\nx\r\n" * 10_000, Stage.READ),
    "one chunk": (CHUNKED + b"ffffffffff\r\n", MUCH, Stage.READ),
    "what a chunk is called": (CHUNKED + b"1;", b"x" * 65536, Stage.READ),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n" * 1000, Stage.READ),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_one_without_end_is_given_up_long_before_its_time(what):
    head, part, stage = ENDLESS[what]

    def answer(handler):
        handler.wfile.write(head)
        for each in repeat(part):
            handler.wfile.write(each)

    with calls(answer) as each:
        exchange = each.made()
        assert each.resting == 0
    assert exchange.response is None
    assert (exchange.broken.stage, exchange.broken.timed_out) == (stage, False)
    assert exchange.seconds < 8
    assert exchange.answer._taken < 4 * 1024 * 1024 + 65536


DRIPS = {
    "nothing but the start": (b"HTTP", b"", Stage.WAIT),
    "a head": (OK, b"A: b\r\n", Stage.WAIT),
    "chunks": (CHUNKED, b"1\r\nx\r\n", Stage.READ),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n", Stage.READ),
    "going on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", Stage.WAIT),
}


@pytest.mark.parametrize("what", DRIPS)
def test_one_that_drips_ends_at_the_time_limit_of_the_call(what):
    head, part, stage = DRIPS[what]
    released = threading.Event()

    def answer(handler):
        handler.wfile.write(head)
        while not released.wait(0.02):
            handler.wfile.write(part)

    with calls(answer, answer_seconds=0.3) as each:
        exchange = each.made()
        released.set()
    assert (exchange.broken.stage, exchange.broken.timed_out) == (stage, True)
    assert 0.3 <= exchange.seconds < 2


def test_an_answer_as_large_as_a_page_of_a_gateway_is_read():
    with calls(lambda handler: reply(handler, 502, bytes(1_000_000), **{"X-Much": "y" * 30_000})) as each:
        assert len(each.made().response.content) == 1_000_000
