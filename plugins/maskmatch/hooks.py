"""From Airflow connections to clients: the vendor's account and object storage."""

from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from airflow.sdk import BaseHook, Connection

from maskmatch.adapters.broker import default_broker
from maskmatch.adapters.images import Transfer
from maskmatch.adapters.stores import Store, open_store
from maskmatch.adapters.stores.s3 import s3_config
from maskmatch.adapters.tencent import (
    DEFAULT_CALLS_PER_SECOND,
    DEFAULT_ENDPOINT,
    DEFAULT_REGION,
    Account,
    TencentComparer,
)
from maskmatch.core.errors import InputError, MaskmatchError, StopRun
from maskmatch.core.permits.claims import Budget, Budgets
from maskmatch.runs import CompareOptions, Job
from maskmatch.spending import account_budgets

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


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
        connection = self.get_connection(self.tencent_iai_conn_id)
        if not connection.login or not connection.password:
            raise StopRun(
                f"connection {self.tencent_iai_conn_id}: enter SecretId (login) and SecretKey (password)"
            )
        try:
            return self._account(connection.login, connection.password, connection)
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error

    def get_broker(self) -> str:
        """Return the address of the permit broker, with its password if it needs one: not to be shown."""
        extra = self.get_connection(self.tencent_iai_conn_id).extra_dejson
        return _with_password(extra.get("broker") or default_broker(), extra.get("broker_password"))

    def get_budgets(self) -> Budgets:
        """Return the account's budgets for a day and a month; raise StopRun naming a field that is wrong."""
        try:
            return account_budgets(self.get_connection(self.tencent_iai_conn_id).extra_dejson)
        except InputError as error:
            raise StopRun(f"connection {self.tencent_iai_conn_id}: {error}") from error

    def _account(self, secret_id: str, secret_key: str, connection: Connection) -> Account:
        extra = connection.extra_dejson
        return Account(
            secret_id=secret_id,
            secret_key=secret_key,
            session_token=extra.get("session_token") or None,
            account_id=extra.get("account_id") or None,
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


def connected_job(source: str, warehouse: str, day: str, *, run_id: str, conn_id: str) -> Job:
    """Return the job of a run, its stores reached through an Airflow connection."""
    return Job(
        run_id=run_id,
        source=connected_store(source, conn_id=conn_id),
        warehouse=connected_store(warehouse, conn_id=conn_id),
        day=_date(day),
    )


def connected_store(uri: str, *, conn_id: str) -> Store:
    """Return the store at an address, S3 through an Airflow connection of type `aws`.

    `config_kwargs` in the extra of the connection goes over our defaults, which suit S3 and COS.
    """
    return open_store(uri, client=partial(_s3_client, conn_id))


def compare_options(
    account_conn_id: str,
    storage_conn_id: str,
    *,
    image_transfer: str = "bytes",
    run_budget: Budget | None = None,
    **options: Any,
) -> CompareOptions:
    """Return how to compare with the account of a connection; see `CompareOptions` for the options."""
    hook = TencentIaiHook(account_conn_id)
    return CompareOptions(
        account=hook.get_account(),
        broker=hook.get_broker(),
        budgets=replace(hook.get_budgets(), run=run_budget or Budget()),
        transfer=Transfer(image_transfer),
        open_store=partial(connected_store, conn_id=storage_conn_id),
        renew=hook.get_account,
        **options,
    )


def _s3_client(conn_id: str) -> "S3Client":
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # slow, and file:// needs none of it

    BaseHook.get_connection(conn_id)  # S3Hook would go to AWS with the host's own key where there is none
    hook = S3Hook(conn_id)
    client: S3Client = hook.get_client_type(config=s3_config().merge(hook.config))
    return client


def _with_password(broker: str, password: str | None) -> str:
    parts = urlsplit(broker)
    if not password or parts.password or not parts.netloc:
        return broker
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{host}"))


def _endpoint(host: str | None, port: int | None) -> str:
    endpoint = host or DEFAULT_ENDPOINT
    return f"{endpoint}:{port}" if port else endpoint


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise InputError(f"{day!r} is no date: trigger the run with a logical date") from None
