"""What one connection may take of time and memory: uvicorn bounds only the pause between two requests.

connected -> HEAD -> BODY -> answered -> (pause) -> HEAD ...
"""

import asyncio
from enum import Enum, auto
from typing import Any

from comparemaskface.faults.transport import Connection

HEAD_SECONDS = 10
"""From a request's first byte to the end of its headers."""
BODY_SECONDS = 30
"""For the body; while the service itself does not read, the time starts again."""
LARGEST_HEAD = 128 * 1024
"""Bytes; the longest query that is answered has 32 KiB."""
LARGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one request; one that is too large is answered, and its rest read and thrown away, up to here."""


class _Phase(Enum):
    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class BoundedConnection(Connection):
    """A connection that a slow or endless caller cannot hold for long."""

    head_seconds: float = HEAD_SECONDS
    body_seconds: float = BODY_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._phase = self._timed = _Phase.BETWEEN
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for the first request no longer than for any other."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers, which would keep the connection in memory."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._set_timer(_Phase.BETWEEN)

    def data_received(self, data: bytes) -> None:
        """Read on, and see what of the request is still missing."""
        self._received += len(data)  # from 0 again if a request begins in these data
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._phase is _Phase.HEAD and self._received > LARGEST_HEAD:
            self.send_400_response("Request header too large.")
        elif self._phase is not _Phase.BETWEEN and self._received > LARGEST_MESSAGE:
            self.transport.close()
        elif self._phase is not self._timed or (self._timer and self._phase is _Phase.BETWEEN):
            self._set_timer(self._phase)

    def on_message_begin(self) -> None:
        """Begin to count; the parser calls this and the two below."""
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._timed = _Phase.BETWEEN  # a timer of the request before it is not this one's
        self._received = 0

    def on_headers_complete(self) -> None:
        """Give the body its own time."""
        super().on_headers_complete()
        self._phase = _Phase.BODY

    def on_message_complete(self) -> None:
        """Leave the rest to the pause between requests."""
        super().on_message_complete()
        self._phase = _Phase.BETWEEN

    def _set_timer(self, phase: _Phase) -> None:
        self._timed = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase is not _Phase.BETWEEN:
            seconds = self.head_seconds if phase is _Phase.HEAD else self.body_seconds
            self._timer = self.loop.call_later(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        if self.flow.read_paused:
            self._set_timer(self._timed)
        else:
            self.transport.close()
