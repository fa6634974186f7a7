"""The document in Redis, for several hosts; its clock is that of the Redis server.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from maskmatch.core.clock import Clock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.stores.swapping import JUMP_SECONDS, ConnectionLost, Offer, Reply, SwappedDocument

_TIMEOUT_SECONDS = 3.0
_KEPT_SECONDS = 60 * 86400
_OPTIONS = {
    "client_name",
    "db",
    "health_check_interval",
    "password",
    "protocol",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
    "username",
}
"""Beside those about TLS; redis-py has others, which change the answers, or which no word can express."""
_NOBODY = "-"
"""Expected by those who only read."""

_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version == ARGV[1] and math.abs(now - ARGV[4]) <= tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[6])
  if ARGV[7] ~= '' then redis.call('XADD', KEYS[2], '*', 'record', ARGV[7]) end
  return {time[1], time[2], ARGV[2], false}
end
return {time[1], time[2], version, redis.call('HGET', KEYS[1], 'document')}
"""


class RedisDocument(SwappedDocument):
    """One hash; a script compares, sets and tells the time in one trip. The records are a stream."""

    def __init__(self, uri: str, *, address: str, quota_key: str, clock: Clock) -> None:
        super().__init__(address, clock=clock)
        self._key = f"maskmatch:permits:{quota_key}"
        self._stream = f"{self._key}:orders"
        # Without retries of its own: whether an offer was taken is seen by reading.
        self._client: Any = redis.Redis.from_url(
            uri,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._client.register_script(_SCRIPT)

    @staticmethod
    def takes_option(scheme: str, option: str) -> bool:
        """Return True if an address with this scheme may have the option, written name=value."""
        name, equals, _ = option.partition("=")
        if not equals or not (name in _OPTIONS or name.startswith("ssl_")):
            return False
        try:  # makes a connection, but does not connect
            redis.Redis.from_url(f"{scheme}://localhost?{option}").connection_pool.make_connection()
        except (TypeError, ValueError, redis.RedisError):
            return False
        return True

    def _exchange(self, offer: Offer | None) -> Reply:
        offer = offer or Offer(_NOBODY, "", b"", 0)
        words = (offer.expected, offer.version, offer.document, repr(offer.now), JUMP_SECONDS, _KEPT_SECONDS)
        keys = [self._key, self._stream]
        with self._errors():
            seconds, micros, version, document = self._script(keys=keys, args=(*words, offer.record or b""))
        return Reply(int(seconds) + int(micros) / 1e6, version.decode(), document)

    def _newest(self, count: int) -> list[bytes]:
        with self._errors():
            return [fields[b"record"] for _, fields in self._client.xrevrange(self._stream, count=count)]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.AuthenticationError, redis.ResponseError) as error:
            what = (
                "has no memory left, raise its maxmemory" if "OOM " in f"{error}" else "rejected the request"
            )
            raise Unavailable(f"the permit store at {self._address} {what}: {error}") from error
        except (redis.RedisError, OSError) as error:
            raise ConnectionLost(f"{type(error).__name__}") from error

    def _disconnect(self) -> None:
        self._client.close()
