"""From an address to a store."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError

from maskmatch.core.errors import InputError, StopRun
from maskmatch.storage.object_stores.base import Store
from maskmatch.storage.object_stores.files import FileStore
from maskmatch.storage.object_stores.s3 import S3Store
from maskmatch.storage.object_stores.s3_client import s3_client
from maskmatch.storage.object_stores.store_settings import StoreSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def open_store(uri: str, *, settings: Callable[[], StoreSettings] = StoreSettings) -> Store:
    """Return the store at s3://bucket/prefix or file:///folder; raise InputError for any other address.

    `settings` are asked for when there is an S3 store, and again when it refuses the key.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        try:
            return _s3_store(parts.netloc, parts.path, settings)
        except (BotoCoreError, ValueError) as error:
            raise StopRun(f"{uri}: fix the storage settings: {error}") from error
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileStore(Path(unquote(parts.path)))
    raise InputError(f"{uri!r} is not a storage address: give s3://bucket/prefix or file:///folder")


def _s3_store(bucket: str, prefix: str, settings: Callable[[], StoreSettings]) -> S3Store:
    def client() -> "S3Client":
        return s3_client(settings())

    first = settings()
    said = first.of_each_write()
    return S3Store(s3_client(first), bucket=bucket, prefix=prefix, renewed=client, of_each_write=said)
