"""From an Airflow connection of type `maskmatch_store` to S3 and what speaks S3, such as Tencent COS."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from maskmatch.core.errors import MaskmatchError, WrongSetting
from maskmatch.core.reach import Reach
from maskmatch.hooks.connections import entered_in, found_by, place_of
from maskmatch.settings.fields import Entered
from maskmatch.settings.sources import check_blanks
from maskmatch.settings.store import reach_of, store_settings, table_mode_from_variables, trial_of
from maskmatch.settings.store_fields import CLIENT_FIELDS, EXTRA_FIELDS
from maskmatch.storage.object_stores import Store, StoreSettings, open_store
from maskmatch.storage.object_stores.s3_client import key_origin, s3_client
from maskmatch.storage.object_stores.trial import try_store

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NO_ADDRESS = "The settings are sound. Enter the address that Test may list and read, s3://bucket/prefix."
_UNUSED = ("host", "schema")


class ObjectStorageHook(BaseHook):
    """The store of a connection of type `maskmatch_store`."""

    conn_name_attr: ClassVar[str] = "maskmatch_store_conn_id"
    default_conn_name: ClassVar[str] = "maskmatch_storage"
    conn_type: ClassVar[str] = "maskmatch_store"
    hook_name: ClassVar[str] = "Object storage (S3, Tencent COS)"

    def __init__(
        self,
        maskmatch_store_conn_id: str = default_conn_name,
        *,
        find: Callable[[str], Connection] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep the connection's id; `find` finds it where no task runs."""
        super().__init__(**kwargs)
        self.maskmatch_store_conn_id = maskmatch_store_conn_id
        self._find = find or self.get_connection

    def get_settings(self, *, writes: bool = False) -> StoreSettings:
        """Return the settings of the store; raise WrongSetting with field, value and form.

        The connection of a store that one `writes` must not have the role of a source.
        """
        entered = self._entered()
        trial = trial_of(entered)
        if writes and not trial.writes:
            raise WrongSetting(
                f"{entered['role'].place} is source, which is only read: give the warehouse another"
            )
        settings = store_settings(entered)
        if not settings.access_key and not settings.profile:  # boto3 looks for a key by itself
            check_blanks(os.environ)
        return settings

    def get_store(self, uri: str, *, writes: bool = False) -> Store:
        """Return the store at an address; the connection is read when it is an S3 store."""
        return open_store(
            uri,
            settings=partial(self.get_settings, writes=writes),
            table_mode=table_mode_from_variables(os.environ),
        )

    def get_reach(self) -> Reach:
        """Return which buckets and hosts rows may name, where the store is a source; raise WrongSetting."""
        return reach_of(self._entered())

    def get_conn(self) -> "S3Client":
        """Return a boto3 client."""
        return s3_client(self.get_settings())

    def test_connection(self) -> tuple[bool, str]:
        """Read all settings, then list, read and, unless the role is source, write one object.

        Ask nobody but the endpoint. Return whether it went well, and what was done or is missing.
        """
        try:
            return self._tried()
        except MaskmatchError as error:
            # Airflow tests under a name that it draws at random.
            return False, str(error).removeprefix(self.place).lstrip(",: ")

    def _tried(self) -> tuple[bool, str]:
        entered = self._entered()
        settings, trial, reach = store_settings(entered), trial_of(entered), reach_of(entered)
        if not trial.address:
            return False, _NO_ADDRESS
        done = try_store(self.get_store(trial.address), writes=trial.writes)
        return True, f"With {key_origin(settings)}: {done}; {reach}."

    @property
    def place(self) -> str:
        """Return how messages name the connection."""
        return place_of(self.maskmatch_store_conn_id)

    def _entered(self) -> dict[str, Entered]:
        """Return every field with its place; raise WrongSetting for what is not a field."""
        connection = found_by(self._find, self.maskmatch_store_conn_id)
        entered = entered_in(
            connection,
            conn_id=self.maskmatch_store_conn_id,
            conn_type=self.conn_type,
            named={
                "access_key": ("access key id (login)", connection.login),
                "secret_key": ("secret access key (password)", connection.password),
            },
            extra=EXTRA_FIELDS,
        )
        for name in _UNUSED:
            if getattr(connection, name) not in (None, ""):
                raise WrongSetting(f"{self.place}, {name}: it is not used, leave it empty: see endpoint_url")
        self._check_port(connection.port, CLIENT_FIELDS[0].value_of(entered["endpoint_url"]))
        return entered

    def _check_port(self, port: int | None, endpoint_url: str | None) -> None:
        """Raise WrongSetting for a port that is not the endpoint's: only Airflow's page wants it."""
        parts = urlsplit(endpoint_url or "https://")
        used = parts.port or (80 if parts.scheme == "http" else 443)
        if port is not None and port != used:
            raise WrongSetting(
                f"{self.place}, port: {port} is not that of endpoint_url: leave it empty, or enter {used}"
            )


def connected_store(uri: str, *, conn_id: str, writes: bool = False) -> Store:
    """Return the store at an address, S3 through an Airflow connection of type `maskmatch_store`."""
    return ObjectStorageHook(conn_id).get_store(uri, writes=writes)


def connected_reach(conn_id: str, *, find: Callable[[str], Connection] | None = None) -> Reach:
    """Return what rows may name by the connection of the source, which a source of files need not have.

    `find` finds it where no task runs.
    """
    try:
        return ObjectStorageHook(conn_id, find=find).get_reach()
    except AirflowNotFoundException:
        return Reach()
