"""From an address to a store."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from maskmatch.core.errors import StopRun
from maskmatch.core.places import S3Place, read_place
from maskmatch.core.shown import without_users
from maskmatch.storage.object_stores.base import Store
from maskmatch.storage.object_stores.files import FileStore
from maskmatch.storage.object_stores.modes import TABLE_MODE
from maskmatch.storage.object_stores.s3 import S3Store
from maskmatch.storage.object_stores.s3_client import s3_client
from maskmatch.storage.object_stores.store_settings import StoreSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def open_store(
    uri: str, *, settings: Callable[[], StoreSettings] = StoreSettings, table_mode: int = TABLE_MODE
) -> Store:
    """Return the store at s3://bucket/prefix or file:///folder; raise InputError for any other address.

    `settings` are asked for when there is an S3 store, and again when it refuses the key. `table_mode`
    is that of tables in a folder.
    """
    place = read_place(uri)
    if isinstance(place, Path):
        return FileStore(place, table_mode=table_mode)
    try:
        return _s3_store(place, settings)
    except (BotoCoreError, ValueError) as error:
        raise StopRun(f"{uri.strip()}: fix the storage settings: {without_users(str(error))}") from None


def _s3_store(place: S3Place, settings: Callable[[], StoreSettings]) -> S3Store:
    def client() -> "S3Client":
        return s3_client(settings())

    first = settings()
    said = first.of_each_write()
    return S3Store(
        s3_client(first), bucket=place.bucket, prefix=place.key, renewed=client, of_each_write=said
    )
