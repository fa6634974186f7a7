"""The clock of a server, as it is known from its answers."""

from collections.abc import Callable

_DRIFT = 2e-4
"""Two clocks part by less than this share of the time that passes."""


class ServerClock:
    """Local time plus an offset that is wrong by at most half the quickest recent round trip.

    An answer that contradicts it means that the server's clock has jumped, and is believed.
    """

    def __init__(self, local: Callable[[], float]) -> None:
        self._local = local
        self._offset = 0.0
        self._error = float("inf")
        self._noted_at = 0.0

    def now(self) -> float:
        """Return the server's time."""
        return self._local() + self._offset

    def note(self, server_time: float, *, sent_at: float, received_at: float) -> None:
        """Learn from an answer that holds the server's time; the other times are local."""
        offset, error = server_time - (sent_at + received_at) / 2, (received_at - sent_at) / 2
        known_error = self._error + _DRIFT * (received_at - self._noted_at)
        if error <= known_error or abs(offset - self._offset) > error + known_error:
            self._offset, self._error, self._noted_at = offset, error, received_at
