"""Many exchanges in flight at once in one thread, over real sockets: none holds up another."""

import gc
import threading
import time

import pytest

from maskmatch.tencent.exchanges import Exchanges
from maskmatch.tencent.stages import Stage
from tests.tencent.answers import Calls, calls, contents, echo, listening, peer, request

pytestmark = pytest.mark.server
BOTH_WAYS = True

SECURE = pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Gates:
    """Answers each request with its own body, when a test lets it."""

    def __init__(self, *names):
        self.ports = set()
        self.open = {name: threading.Event() for name in names}

    def __call__(self, handler):
        self.ports.add(handler.client_address[1])
        assert self.open[handler.body].wait(10)
        echo(handler)


@SECURE
def test_each_has_its_own_connection_and_its_own_answer_in_whatever_order_they_come(is_tls, tmp_path):
    names = [b"%d" % number for number in range(8)]
    gates = Gates(*names)
    with calls(gates, tls=tmp_path if is_tls else None, keep=8) as each:
        for _ in range(2):
            started = {name: each.started(request(name)) for name in names}
            for name in [names[5], names[0], names[7]]:
                gates.open[name].set()
                assert each.ended() == [started.pop(name)]
            for name in started:
                gates.open[name].set()
            assert set(each.ended(5)) == set(started.values())
            assert contents(started.values()) == list(started)
            for gate in gates.open.values():
                gate.clear()
        assert each.resting == 8
    assert len(gates.ports) == 8


@SECURE
def test_file_numbers_that_are_used_again_mix_nothing_up(is_tls, tmp_path):
    gates = Gates(b"long", *(name := [b"%d" % number for number in range(20)]))
    numbers = []
    with calls(gates, tls=tmp_path if is_tls else None, keep=0) as each:
        long = each.started(request(b"long"))
        for one, other in zip(name[::2], name[1::2], strict=True):
            pair = [each.started(request(one)), each.started(request(other))]
            numbers += [exchange.sock.fileno() for exchange in pair]
            gates.open[one].set()
            gates.open[other].set()
            each.ended(2)
            assert contents(pair) == [one, other]
        gates.open[b"long"].set()
        assert each.ended() == [long]
        assert contents([long]) == [b"long"]
    assert len(set(numbers)) < len(numbers)


def test_each_has_its_own_deadline():
    released = threading.Event()
    with calls(lambda handler: released.wait(10), answer_seconds=0.3) as each:
        started = [each.started()]
        for _ in range(2):
            assert not each.wait(0.1)
            started.append(each.started())
        ended = each.ended(3)
        released.set()
    assert ended == started
    assert all(0.3 <= exchange.seconds < 0.45 for exchange in ended)
    assert {(exchange.broken.stage, exchange.broken.timed_out) for exchange in ended} == {(Stage.WAIT, True)}


def test_an_answer_that_drips_has_one_deadline_and_holds_up_no_other():
    def answer(handler):
        if handler.body == b"drip":
            handler.wfile.write(HEAD % 100)
            for _ in range(100):
                handler.wfile.write(b"x")
                time.sleep(0.02)  # drips for longer than an answer may take
        else:
            echo(handler)

    with calls(answer, answer_seconds=0.4) as each:
        drip = each.started(request(b"drip"))
        others = [each.made(request(b"other")) for _ in range(10)]
        assert drip.broken is None
        assert each.ended() == [drip]
    assert max(exchange.seconds for exchange in others) < 0.2
    assert 0.4 <= drip.seconds < 0.8
    assert (drip.broken.stage, drip.broken.timed_out) == (Stage.READ, True)


def test_an_answer_without_end_holds_up_neither_others_nor_its_own_deadline():
    much_came, released = threading.Event(), threading.Event()

    def answer(handler):
        if handler.body == b"flood":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1_000_000))
            much_came.set()
            handler.wfile.write(bytes(2_000_000))
            released.wait(10)
        else:
            echo(handler)

    with calls(answer) as each:
        flood = each.started(request(b"flood"))
        assert much_came.wait(10)
        assert each.wait(0) == []
        assert 0 < sum(map(len, flood.answer._parts)) <= 16384
        assert contents([each.made(request(b"other"))]) == [b"other"]
        flood.sent_at -= 10
        assert each.ended() == [flood]
        released.set()
    assert flood.broken.stage is Stage.READ


@SECURE
def test_an_answer_in_several_pieces_is_read_whole(is_tls, tmp_path):
    def answer(handler):
        handler.wfile.write(HEAD % 90_000)
        handler.wfile.write(b"x" * 50_000)
        time.sleep(0.05)  # so that the pieces are read apart
        handler.wfile.write(b"y" * 40_000)

    with calls(answer, tls=tmp_path if is_tls else None) as each:
        assert contents([each.made()]) == [b"x" * 50_000 + b"y" * 40_000]
        assert each.resting == 1


@SECURE
@pytest.mark.parametrize(("said", "stage"), [(b"", Stage.WAIT), (HEAD % 9 + b"{", Stage.READ)])
def test_the_stage_tells_whether_an_answer_had_begun(said, stage, is_tls, tmp_path):
    def answer(handler):
        handler.wfile.write(said)
        handler.close_connection = True

    with calls(answer, tls=tmp_path if is_tls else None) as each:
        exchange = each.made()
    assert (exchange.broken.stage, exchange.broken.timed_out, exchange.response) == (stage, False, None)


@pytest.mark.parametrize("keep", [0, 1])
def test_what_has_ended_wakes_no_wait(keep):
    may_hang_up = threading.Event()

    def answer(handler):
        echo(handler)
        handler.close_connection = may_hang_up.wait(10)

    with calls(answer, keep=keep) as each:
        each.made()
        may_hang_up.set()
        time.sleep(0.05)  # the end of the connection travels
        started = time.monotonic()
        assert each.wait(0.2) == []
        assert time.monotonic() - started >= 0.2  # not woken


def test_close_hangs_up_what_is_in_flight_and_may_be_repeated():
    heard = threading.Event()
    with peer(listening(heard)) as endpoint:
        each = Calls(endpoint)
        exchange = each.started()
        each.close()
        assert heard.wait(10)
        each.close()
    assert exchange.sock.fileno() == -1


def test_what_is_forgotten_is_closed(recwarn):
    with calls(echo) as each:
        poll = (exchanges := Exchanges(each.connections))._poll
        exchange = each.prepared()
        exchanges.start(exchange)
        del exchanges
        gc.collect()
    assert (poll.closed, exchange.sock.fileno()) == (True, -1)
    assert not recwarn
