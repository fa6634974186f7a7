"""A document on a server, changed by compare-and-set: one trip when nobody else came between, else one more.

The last seen version is kept and the next step computed from it; the server takes the result only if that
version is still there, and answers with its time and, when it is not, with the present document.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import logging
import random
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from maskmatch.core.clock import Clock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.steps.document import Moment, Step
from maskmatch.permits.stores.server_clock import ServerClock

log = logging.getLogger(__name__)
T = TypeVar("T")

JUMP_SECONDS = 1.0
"""The server takes nothing that was computed for a time further from its own."""
_QUICK_TRIES = 3
_MOST_TRIES = 200


class ConnectionLost(Exception):
    """The server did not answer: nobody knows whether it took what it was sent."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A document to be kept as `version` if `expected` is there and the server's time is near `now`.

    With it a `record` is added to the records, or nothing.
    """

    expected: str
    version: str
    document: bytes
    now: float
    record: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's time (seconds since 1970), the version it has now, and the document unless it is ours."""

    time: float
    version: str
    document: bytes | None


class SwappedDocument(ABC):
    """What Redis and Postgres have in common; version "" stands for no document."""

    def __init__(self, address: str, *, clock: Clock) -> None:
        self._address = address
        self._local = clock.now
        self._sleep = clock.sleep
        self._clock = ServerClock(clock.now)
        self._lock = threading.Lock()
        self._seen: Reply | None = None
        self._had_one = False

    @abstractmethod
    def _exchange(self, offer: Offer | None) -> Reply:
        """Make the offer, None: only read; raise ConnectionLost, or Unavailable when the server refuses."""

    @abstractmethod
    def _newest(self, count: int) -> list[bytes]:
        """Return the newest records, the newest first; raise as `_exchange` does."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Forget the connection; the next exchange makes a new one."""

    def change(self, step: Step[T], *, record: Callable[[Moment], bytes] | None = None) -> T:
        """Change the document; raise Unavailable when it cannot be known whether that was done."""
        with self._lock:
            for number in range(_MOST_TRIES):
                seen = self._seen or self._read()
                moment = self._moment()
                document, result = step(seen.document, moment)
                words = record(moment) if record else None
                if self._swap(Offer(seen.version, secrets.token_hex(8), document, moment.now, words)):
                    return result
                if number >= _QUICK_TRIES:
                    self._sleep(random.uniform(0, 0.002) * number)  # noqa: S311 - no secret depends on it
        raise Unavailable(
            f"the permit store at {self._address} is too busy: gave up after {_MOST_TRIES} tries"
        )

    def look(self, view: Callable[[bytes | None, Moment], T]) -> T:
        """Read the document anew, and change nothing."""
        with self._lock:
            return view(self._read().document, self._moment())

    def records(self, newest: int) -> list[bytes]:
        """Return the newest records."""
        with self._lock:
            return self._answered(lambda: self._newest(newest))

    def _moment(self) -> Moment:
        now = self._clock.now()
        return Moment(now, datetime.fromtimestamp(now, UTC))

    def now(self) -> float:
        """Return the server's time, as it is known from its last answers."""
        return self._clock.now()

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._disconnect()
            self._seen = None

    def _swap(self, offer: Offer) -> bool:
        """Make an offer; return True if it was taken."""
        try:
            reply = self._timed(offer)
        except ConnectionLost as error:
            reply = self._read()
            if reply.version not in (offer.expected, offer.version):
                raise Unavailable(f"the permit store at {self._address} was cut off: {error}") from error
        taken = reply.version == offer.version
        self._seen = Reply(reply.time, reply.version, offer.document) if taken else reply
        return taken

    def _read(self) -> Reply:
        self._seen = self._answered(lambda: self._timed(None))
        return self._seen

    def _answered(self, ask: Callable[[], T]) -> T:
        """Return what the server answers, asked again over a new connection if need be."""
        try:
            return ask()
        except ConnectionLost:
            self._disconnect()
        try:
            return ask()
        except ConnectionLost as error:
            self._disconnect()
            raise Unavailable(f"the permit store at {self._address} is away: {error}") from error

    def _timed(self, offer: Offer | None) -> Reply:
        sent_at = self._local()
        try:
            reply = self._exchange(offer)
        except ConnectionLost:
            self._disconnect()
            self._seen = None
            raise
        self._clock.note(reply.time, sent_at=sent_at, received_at=self._local())
        if self._had_one and not reply.version:
            log.warning(
                "the permit store at %s has lost its data: budgets are counted from zero", self._address
            )
        self._had_one = bool(reply.version)
        return reply
