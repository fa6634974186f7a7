"""From an Airflow connection of type `tencent_iai` to the vendor's account and its permit store."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

from airflow.sdk import BaseHook, Connection

from maskmatch.core.errors import MaskmatchError
from maskmatch.hooks.connections import address_of, entered_in, found_by, place_of
from maskmatch.hooks.executors import check_default_store
from maskmatch.settings.account import AccountSettings, names_permit_store, read_account
from maskmatch.settings.account_fields import EXTRA
from maskmatch.settings.fields import Entered
from maskmatch.tencent import Account, TencentComparer


class TencentIaiHook(BaseHook):
    """The account of a connection of type `tencent_iai`, its budgets, and a client for it."""

    conn_name_attr: ClassVar[str] = "tencent_iai_conn_id"
    default_conn_name: ClassVar[str] = "tencent_iai_default"
    conn_type: ClassVar[str] = "tencent_iai"
    hook_name: ClassVar[str] = "Tencent Cloud IAI (CompareMaskFace)"

    def __init__(self, tencent_iai_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tencent_iai_conn_id = tencent_iai_conn_id

    @property
    def place(self) -> str:
        """Return how messages name the connection."""
        return place_of(self.tencent_iai_conn_id)

    def get_settings(
        self,
        options: Mapping[str, Entered] | None = None,
        *,
        needs_key: bool = True,
        find: Callable[[str], Connection] | None = None,
    ) -> AccountSettings:
        """Return all that is set, options over fields; raise WrongSetting naming the field that is wrong.

        `find` finds the connection where no task runs.
        """
        found = found_by(find or self.get_connection, self.tencent_iai_conn_id)
        entered = {**self._entered(found), **(options or {})}
        settings = read_account(entered, place=self.place, needs_key=needs_key)
        if not names_permit_store(entered):
            check_default_store(self.place)
        return settings

    def get_account(self) -> Account:
        """Return endpoint, key and rate limit; raise WrongSetting naming the field that is wrong."""
        return self.get_settings().account

    def get_conn(self) -> TencentComparer:
        """Return a client for one call at a time."""
        return TencentComparer(self.get_account(), connections=1)

    def test_connection(self) -> tuple[bool, str]:
        """Read all fields, open the permit store, make one call that is not billed; say what is wrong."""
        try:
            settings = self.get_settings()
            settings.limited()
            with closing(settings.open_coordinator()) as coordinator:
                coordinator.prove()
            with closing(TencentComparer(settings.account, connections=1)) as comparer:
                comparer.check()
        except MaskmatchError as error:
            # Airflow tests under a name that it draws at random.
            return False, str(error).removeprefix(self.place).lstrip(",: ")
        return True, f"The service answers and accepts the key. {settings}"

    def _entered(self, connection: Connection) -> dict[str, Entered]:
        return entered_in(
            connection,
            conn_id=self.tencent_iai_conn_id,
            conn_type=self.conn_type,
            named={
                "secret_id": ("SecretId (login)", connection.login),
                "secret_key": ("SecretKey (password)", connection.password),
                "endpoint": ("endpoint (host)", address_of(connection)),
            },
            extra=EXTRA,
        )
