"""All exchanges in flight, sent and received by one thread that never waits for any one of them.

Each has its own connection and one deadline for the answer; nothing is repeated, no redirect is followed. On
an event loop the sockets stay ours: a transport's buffers would hide what has left, which decides what is
billed.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
import math
import select
import socket
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable

from maskmatch.core.account_rules import ANSWER_SECONDS
from maskmatch.tencent.answers import HttpAnswer, Response
from maskmatch.tencent.connections import NOT_NOW, Connections, is_over
from maskmatch.tencent.stages import ExchangeBroken, Stage

_AT_ONCE = 16 * 1024
_NAP_SECONDS = 0.01
"""Shorter waits are slept through: what comes meanwhile is taken in with the next call that is sent."""
_FRESH_SECONDS, STALE_SECONDS = 1.0, 15.0
"""With the time at rest before, no more than a router remembers a connection that is silent."""


class Exchange:
    """One request and its answer; it ends with a response or broken, `seconds` after its first byte.

    `bytes_sent` of the request have left so far.
    """

    __slots__ = (
        "answer",
        "broken",
        "bytes_sent",
        "on_end",
        "ready_at",
        "response",
        "seconds",
        "sent_at",
        "sock",
        "started_at",
        "unsent",
        "why",
    )

    def __init__(self, sock: socket.socket, blocks: Iterable[bytes]) -> None:
        self.sock = sock
        self.unsent: deque[bytes | memoryview] = deque(blocks)
        self.answer = HttpAnswer()
        self.why: OSError | None = None  # the other side hung up: it may have answered before it did
        self.response: Response | None = None
        self.broken: ExchangeBroken | None = None
        self.on_end: Callable[[Exchange], None] | None = None
        self.ready_at = time.monotonic()
        self.started_at = self.sent_at = self.seconds = 0.0
        self.bytes_sent = 0


class Exchanges:
    """Starts exchanges and takes in what comes of them; for one thread.

    What has ended is returned by `wait`, or on an event loop (`attach`) told to the `on_end` of each. `now`
    is the clock of those who say by when to send.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._answer_seconds = answer_seconds
        self._now = now
        self._out: dict[int, Exchange] = {}  # by file number, the first to be given up first
        self._ended: list[Exchange] = []
        self._poll = select.epoll()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_watched = False
        self.close = weakref.finalize(self, _hang_up, self._out, self._poll)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take in what comes on this loop from now on, and not in `wait`."""
        self._loop, self._is_watched = loop, False
        self.watch(watched=True)

    def watch(self, *, watched: bool) -> None:
        """Let the loop wake for what comes, or only take it in when `take_in` is called."""
        if self._loop is None or watched == self._is_watched:
            return
        self._is_watched = watched
        if watched:
            self._loop.add_reader(self._poll, self.take_in)
        else:
            self._loop.remove_reader(self._poll)

    def take_in(self, seconds: float = 0.0) -> None:
        """Take in what comes within so many seconds, and look at the deadlines."""
        for number, event in self._poll.poll(seconds):
            self._on_event(number, event)
        self._look_at_deadlines()

    def start(
        self,
        exchange: Exchange,
        *,
        send_by: float = math.inf,
        on_end: Callable[[Exchange], None] | None = None,
    ) -> None:
        """Send, as far as the connection takes it; raise ExchangeBroken when it is too late."""
        if self._now() > send_by or is_stale(exchange):
            exchange.sock.close()
            raise ExchangeBroken(Stage.LATE, TimeoutError("the time to send it had passed"))
        exchange.started_at = exchange.sent_at = time.monotonic()
        exchange.on_end = on_end
        self._out[exchange.sock.fileno()] = exchange
        self._poll.register(exchange.sock, select.EPOLLIN)
        if self._send(exchange) and exchange.unsent:
            self._poll.modify(exchange.sock, select.EPOLLIN | select.EPOLLOUT)

    def wait(self, seconds: float) -> list[Exchange]:
        """Return those that have ended, after so many seconds at most."""
        if self._ended:
            seconds = 0.0
        elif seconds <= _NAP_SECONDS:
            time.sleep(seconds)
            seconds = 0.0
        self.take_in(seconds)
        ended, self._ended = self._ended, []
        return ended

    def _on_event(self, number: int, event: int) -> None:
        if (exchange := self._out.get(number)) is None:
            return  # it ended with an event before this one
        if exchange.unsent:
            if not self._send(exchange):
                return
            if event & select.EPOLLOUT:
                self._postpone(exchange)
            if not exchange.unsent:
                self._poll.modify(exchange.sock, select.EPOLLIN)
        if event != select.EPOLLOUT:
            self._receive(exchange)

    def _send(self, exchange: Exchange) -> bool:
        """Send what the connection takes now; return True if the exchange goes on."""
        unsent = exchange.unsent
        try:
            while unsent:
                sent = exchange.sock.send(unsent[0])
                exchange.bytes_sent += sent
                if sent == len(unsent[0]):
                    unsent.popleft()
                else:
                    unsent[0] = memoryview(unsent[0])[sent:]
        except NOT_NOW:
            pass
        except (BrokenPipeError, ConnectionResetError) as error:
            exchange.why = error
            unsent.clear()
        except OSError as error:
            self._break(exchange, error)
            return False
        return True

    def _postpone(self, exchange: Exchange) -> None:
        """Count the time for the answer from now on: some of the request has just left."""
        number = exchange.sock.fileno()
        exchange.sent_at = time.monotonic()
        self._out[number] = self._out.pop(number)

    def _receive(self, exchange: Exchange) -> None:
        """Take in some of the answer: the next poll brings the rest, if any, after that of others."""
        try:
            exchange.answer.feed(exchange.sock.recv(_AT_ONCE))
        except NOT_NOW:
            return
        except (OSError, ValueError) as error:
            self._break(exchange, error)
            return
        if exchange.answer.is_whole:
            self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        exchange.response = exchange.answer.response()
        may_go_on = exchange.answer.may_go_on and not (exchange.unsent or exchange.why)
        self._end(exchange)
        if may_go_on:
            self._connections.keep(exchange.sock)
        else:
            exchange.sock.close()

    def _break(self, exchange: Exchange, error: Exception) -> None:
        if exchange.unsent or exchange.why:
            stage = Stage.SEND
        else:
            stage = Stage.READ if exchange.answer.has_begun else Stage.WAIT
        cause = exchange.why or error
        exchange.broken = ExchangeBroken(stage, cause)
        exchange.broken.__cause__ = cause
        self._end(exchange)
        exchange.sock.close()

    def _end(self, exchange: Exchange) -> None:
        number = exchange.sock.fileno()
        del self._out[number]
        self._poll.unregister(number)
        exchange.seconds = time.monotonic() - exchange.started_at
        exchange.unsent.clear()
        if exchange.on_end is None:
            self._ended.append(exchange)
        else:
            exchange.on_end(exchange)

    def _look_at_deadlines(self) -> None:
        too_old = time.monotonic() - self._answer_seconds
        while self._out and (oldest := next(iter(self._out.values()))).sent_at < too_old:
            self._break(oldest, TimeoutError("the answer did not come whole in time"))


def is_stale(exchange: Exchange) -> bool:
    """Return True if an exchange waited too long for its start, or its connection has ended meanwhile."""
    rested = time.monotonic() - exchange.ready_at
    return rested > STALE_SECONDS or (rested > _FRESH_SECONDS and is_over(exchange.sock))


def _hang_up(out: dict[int, Exchange], poll: select.epoll) -> None:
    """Close all exchanges in flight."""
    for exchange in out.values():
        exchange.sock.close()
    out.clear()
    poll.close()
