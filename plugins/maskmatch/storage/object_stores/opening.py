"""From an address to a store."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError

from maskmatch.core.errors import InputError, StopRun
from maskmatch.storage.object_stores.base import Store
from maskmatch.storage.object_stores.files import FileStore
from maskmatch.storage.object_stores.modes import TABLE_MODE
from maskmatch.storage.object_stores.s3 import S3Store, s3_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client


def open_store(
    uri: str, *, client: "Callable[[], S3Client]" = s3_client, table_mode: int = TABLE_MODE
) -> Store:
    """Return the store at s3://bucket/prefix or file:///folder; raise InputError for any other address.

    `client` makes the S3 client, when one is needed; `table_mode` is that of tables in a folder.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        try:
            return S3Store(client(), bucket=parts.netloc, prefix=parts.path, renewed=client)
        except (BotoCoreError, ValueError) as error:
            raise StopRun(f"{uri}: fix the storage settings: {error}") from error
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileStore(Path(unquote(parts.path)), table_mode=table_mode)
    raise InputError(f"{uri!r} is not a storage address: give s3://bucket/prefix or file:///folder")
