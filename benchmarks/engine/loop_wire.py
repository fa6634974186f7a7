"""The exchanges of the engine on the events of an asyncio loop, for the trial of one."""

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any

from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.connections import Connections
from maskmatch.tencent.exchanges import Exchange, Exchanges

_SWEEP_SECONDS = 0.1


class _Events:
    """What `select.poll` is to the exchanges, by readers and writers of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_event: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._on_event = on_event

    def register(self, sock: socket.socket, events: int) -> None:
        self._loop.add_reader(sock, self._on_event, sock.fileno(), select.POLLIN)
        if events & select.POLLOUT:
            self._loop.add_writer(sock, self._on_event, sock.fileno(), select.POLLOUT)

    def modify(self, sock: socket.socket, events: int) -> None:
        if events & select.POLLOUT:
            self._loop.add_writer(sock, self._on_event, sock.fileno(), select.POLLOUT)
        else:
            self._loop.remove_writer(sock)

    def unregister(self, number: int) -> None:
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)


class LoopExchanges(Exchanges):
    """Exchanges of which each is awaited by itself."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(connections)
        self._loop = loop
        self._done: dict[Exchange, asyncio.Future[None]] = {}
        self._poll: Any = _Events(loop, self._on_event)
        self._sweep()

    def send(self, exchange: Exchange, *, send_by: float) -> asyncio.Future[None]:
        """Send a request; what is returned is done when its exchange has ended."""
        self._done[exchange] = done = self._loop.create_future()
        self.start(exchange, send_by=send_by)
        return done

    def _on_event(self, number: int, event: int) -> None:
        if exchange := self._out.get(number):
            self._go_on(exchange, event)

    def _end(self, exchange: Exchange) -> None:
        super()._end(exchange)
        self._ended.clear()
        self._done.pop(exchange).set_result(None)

    def _sweep(self) -> None:
        self._look_at_deadlines()
        self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class LoopComparer(TencentComparer):
    """Calls that are awaited."""

    def __init__(self, account: Account, *, connections: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(account, connections=connections)
        self._exchanges = self._of_loop = LoopExchanges(self._connections, loop)

    def send(self, call: Exchange, *, send_by: float) -> asyncio.Future[None]:
        """Send a call; `answer` reads what became of it when it is done."""
        return self._of_loop.send(call, send_by=send_by)
