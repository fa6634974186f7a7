"""The document in a row of Postgres, for several hosts; its clock is that of the Postgres server.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection, parse_dsn

from maskmatch.core.clock import Clock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.stores.swapping import JUMP_SECONDS, ConnectionLost, Offer, Reply, SwappedDocument

_TIMEOUT_SECONDS = 3
# A booking lost to a power cut is harmless, waiting for the disk at each is not.
_OPTIONS = (
    f"-c synchronous_commit=off -c statement_timeout={_TIMEOUT_SECONDS}s -c client_min_messages=warning"
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS maskmatch_permits (
    quota_key text PRIMARY KEY, version text NOT NULL, document bytea NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE IF NOT EXISTS maskmatch_permit_orders (
    quota_key text, number bigint GENERATED ALWAYS AS IDENTITY, record bytea NOT NULL,
    PRIMARY KEY (quota_key, number)
)
"""
_FIRST = "INSERT INTO maskmatch_permits VALUES (%(key)s, '', '') ON CONFLICT DO NOTHING;"
# The answer is read in the same trip but by a statement of its own, which sees what others have committed.
_SWAP = """
UPDATE maskmatch_permits SET version = %(version)s, document = %(document)s
WHERE quota_key = %(key)s AND version = %(expected)s
AND abs(extract(epoch FROM clock_timestamp()) - %(now)s) <= %(jump)s
"""
_SWAP_AND_RECORD = (
    f"WITH swapped AS ({_SWAP} RETURNING quota_key) "  # noqa: S608 - of constants alone
    "INSERT INTO maskmatch_permit_orders (quota_key, record) SELECT quota_key, %(record)s FROM swapped"
)
_NEWEST = "SELECT record FROM maskmatch_permit_orders WHERE quota_key = %s ORDER BY number DESC LIMIT %s"
_ANSWER = """
SELECT extract(epoch FROM clock_timestamp())::float8, coalesce(version, ''),
    CASE WHEN version = %(version)s THEN NULL ELSE document END
FROM (SELECT %(key)s AS quota_key) AS ours LEFT JOIN maskmatch_permits USING (quota_key)
"""


class PostgresDocument(SwappedDocument):
    """One row of the table maskmatch_permits; records are rows of maskmatch_permit_orders.

    Both tables are made when they are missing.
    """

    def __init__(self, uri: str, *, address: str, quota_key: str, clock: Clock) -> None:
        super().__init__(address, clock=clock)
        self._uri = uri
        self._key = quota_key
        self._connected: connection | None = None

    @staticmethod
    def takes_option(scheme: str, option: str) -> bool:
        """Return True if an address with this scheme may have the option, written name=value."""
        try:
            parse_dsn(f"{scheme}://?{option}")
        except psycopg2.ProgrammingError:
            return False
        return True

    def _exchange(self, offer: Offer | None) -> Reply:
        words: dict[str, object] = {"key": self._key, "version": "-", "jump": JUMP_SECONDS}
        if offer:
            words |= {"version": offer.version, "expected": offer.expected, "now": offer.now}
            words |= {"document": psycopg2.Binary(offer.document), "record": offer.record}
        with self._errors(), self._connection().cursor() as cursor:
            cursor.execute(f"{_swap(offer)};{_ANSWER}" if offer else _ANSWER, words)
            row = cursor.fetchone()
        if row is None:
            raise ConnectionLost("it did not answer")
        return Reply(row[0], row[1], bytes(row[2]) if row[1] and row[2] is not None else None)

    def _newest(self, count: int) -> list[bytes]:
        with self._errors(), self._connection().cursor() as cursor:
            cursor.execute(_NEWEST, (self._key, count))
            return [bytes(record) for (record,) in cursor.fetchall()]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.errors.DiskFull as error:
            self._disconnect()
            raise Unavailable(
                f"the permit store at {self._address} has no room left on its disk, free some: {_what(error)}"
            ) from None
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise ConnectionLost(_what(error)) from None
        except psycopg2.Error as error:
            self._disconnect()
            raise Unavailable(
                f"the permit store at {self._address} rejected the request: {_what(error)}"
            ) from None

    def _connection(self) -> connection:
        if self._connected is None:
            connected = psycopg2.connect(
                self._uri,
                connect_timeout=_TIMEOUT_SECONDS,
                options=_OPTIONS,
                tcp_user_timeout=1000 * _TIMEOUT_SECONDS,
                application_name="maskmatch",
            )
            self._connected = connected
            connected.autocommit = True
            self._prepare(connected)
        return self._connected

    def _prepare(self, connected: connection) -> None:
        # Somebody else may be making them at the same moment.
        with suppress(psycopg2.errors.UniqueViolation), connected.cursor() as cursor:
            cursor.execute(_SCHEMA)

    def _disconnect(self) -> None:
        if self._connected is not None:
            self._connected.close()
            self._connected = None


def _swap(offer: Offer) -> str:
    swap = _SWAP if offer.record is None else _SWAP_AND_RECORD
    return swap if offer.expected else _FIRST + swap


def _what(error: psycopg2.Error) -> str:
    """Return what Postgres says, but not where libpq repeats the address, which may hold a password."""
    primary = error.diag.message_primary
    return f"{type(error).__name__}{': ' + primary if primary else ''}"
