"""From an Airflow connection of type `tencent_iai` to the vendor's account and its permit store."""

from typing import Any, ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from airflow.sdk import BaseHook, Connection

from maskmatch.core.errors import InputError, MaskmatchError, StopRun
from maskmatch.core.renamed import CONNECTION_FIELDS, refuse_renamed
from maskmatch.permits.opening import permit_store_address
from maskmatch.permits.steps.claims import Budgets
from maskmatch.pipeline.settings import account_budgets
from maskmatch.tencent import (
    DEFAULT_CALLS_PER_SECOND,
    DEFAULT_ENDPOINT,
    DEFAULT_REGION,
    Account,
    TencentComparer,
)


class TencentIaiHook(BaseHook):
    """The account of a connection of type `tencent_iai`, its budgets, and a client for it."""

    conn_name_attr: ClassVar[str] = "tencent_iai_conn_id"
    default_conn_name: ClassVar[str] = "tencent_iai_default"
    conn_type: ClassVar[str] = "tencent_iai"
    hook_name: ClassVar[str] = "Tencent Cloud IAI (CompareMaskFace)"

    def __init__(self, tencent_iai_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tencent_iai_conn_id = tencent_iai_conn_id

    def get_account(self) -> Account:
        """Return endpoint, key and rate limit; raise StopRun naming the field that is wrong."""
        connection = self._connection()
        if not connection.login or not connection.password:
            raise StopRun(
                f"connection {self.tencent_iai_conn_id}: enter SecretId (login) and SecretKey (password)"
            )
        try:
            return self._account(connection.login, connection.password, connection)
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error

    def get_permit_store(self) -> str:
        """Return the address of the permit store, with its password if it needs one: never show it."""
        extra = self._connection().extra_dejson
        try:
            address = permit_store_address(extra.get("permit_store"))
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error
        return _with_password(address, extra.get("permit_store_password"))

    def get_budgets(self) -> Budgets:
        """Return the account's budgets for a day and a month; raise StopRun naming a field that is wrong."""
        try:
            return account_budgets(self._connection().extra_dejson)
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error

    def _connection(self) -> Connection:
        """Return the connection; raise StopRun for a field that still has its former name."""
        connection: Connection = self.get_connection(self.tencent_iai_conn_id)
        try:
            refuse_renamed(connection.extra_dejson, CONNECTION_FIELDS, kind="field")
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error
        return connection

    def _account(self, secret_id: str, secret_key: str, connection: Connection) -> Account:
        extra = connection.extra_dejson
        return Account(
            secret_id=secret_id,
            secret_key=secret_key,
            session_token=extra.get("session_token") or None,
            account_id=extra.get("account_id") or None,
            answered_by=extra.get("answered_by") or "",
            endpoint=_endpoint(connection.host, connection.port),
            protocol=extra.get("protocol") or "https",
            region=extra.get("region") or DEFAULT_REGION,
            calls_per_second=self._rate(extra.get("calls_per_second")),
        )

    def get_conn(self) -> TencentComparer:
        """Return a client for one call at a time."""
        return TencentComparer(self.get_account(), connections=1)

    def test_connection(self) -> tuple[bool, str]:
        """Make one call that is not billed; return whether it was understood, and what is wrong."""
        try:
            self.get_conn().check()
        except MaskmatchError as error:
            return False, str(error)
        return True, "The service answers and accepts the key."

    def _rate(self, value: object) -> float:
        try:
            return float(str(value)) if value not in (None, "") else DEFAULT_CALLS_PER_SECOND
        except ValueError:
            return 0.0  # which no account may have


def _with_password(address: str, password: str | None) -> str:
    parts = urlsplit(address)
    if not password or parts.password or not parts.netloc:
        return address
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{host}"))


def _endpoint(host: str | None, port: int | None) -> str:
    endpoint = host or DEFAULT_ENDPOINT
    return f"{endpoint}:{port}" if port else endpoint
