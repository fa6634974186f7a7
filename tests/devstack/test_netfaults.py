"""Each fault of the relay does to a connection what its name says, and nothing when it is over."""

import socket
import threading
import time
from contextlib import closing

import pytest

from devstack.netfaults import Relay

pytestmark = pytest.mark.server


@pytest.fixture
def echo():
    """A server on loopback that sends back what it gets; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection):
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connected(relay):
    return closing(socket.create_connection(("127.0.0.1", relay.port), timeout=5))


def ask(line, text=b"ping"):
    line.sendall(text)
    return line.recv(100)


def test_without_faults_what_is_sent_comes_back(echo):
    with Relay(echo) as relay, connected(relay) as line:
        assert ask(line) == b"ping"
        assert len(relay.sent) == 1
        assert relay.in_flight == 0


def test_a_delay_holds_for_each_way(echo):
    with Relay(echo, one_way_seconds=0.05) as relay, connected(relay) as line:
        began = time.monotonic()
        assert ask(line) == b"ping"
        assert time.monotonic() - began >= 0.1  # what the relay promises: no less than two ways


def test_a_cut_closes_open_and_new_connections_and_ends(echo):
    with Relay(echo) as relay:
        with connected(relay) as line:
            ask(line)
            relay.is_cut = True
            line.sendall(b"lost")
            assert line.recv(100) == b""
        with connected(relay) as line:
            assert line.recv(100) == b""
        relay.is_cut = False
        with connected(relay) as line:
            assert ask(line) == b"ping"


def test_what_hangs_passes_once_it_hangs_no_more(echo):
    with Relay(echo) as relay, connected(relay) as line:
        relay.is_hung = True
        line.sendall(b"late")
        line.settimeout(0.1)  # long for loopback: nothing may come
        with pytest.raises(TimeoutError):
            line.recv(100)
        relay.is_hung = False
        line.settimeout(5)
        assert line.recv(100) == b"late"


def test_a_lost_answer_was_given_and_never_arrives(echo):
    with Relay(echo) as relay:
        relay.answers_to_lose = 1
        with connected(relay) as line:
            assert ask(line) == b""
        assert (relay.answers_lost, relay.answers_to_lose) == (1, 0)
        with connected(relay) as line:
            assert ask(line) == b"ping"


def test_a_torn_request_ends_between_continue_and_body(echo):
    with Relay(echo) as relay:
        relay.requests_to_tear = 1
        with connected(relay) as line:
            assert ask(line, b"HTTP/1.1 100 Continue\r\n\r\n") == b""
        assert relay.requests_torn == 1


def test_a_server_that_is_away_closes_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Relay(port) as relay, connected(relay) as line:
        assert line.recv(100) == b""
