"""From an Airflow connection of type `aws` to object storage: S3, and Tencent COS through its S3 address."""

from functools import partial
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from maskmatch.storage.object_stores import Store, open_store
from maskmatch.storage.object_stores.s3 import s3_config

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def connected_store(uri: str, *, conn_id: str) -> Store:
    """Return the store at an address, S3 through an Airflow connection of type `aws`.

    `config_kwargs` in the extra of the connection goes over our defaults, which suit S3 and COS.
    """
    return open_store(uri, client=partial(_s3_client, conn_id))


def _s3_client(conn_id: str) -> "S3Client":
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # slow, and file:// needs none of it

    BaseHook.get_connection(conn_id)  # S3Hook would go to AWS with the host's own key where there is none
    hook = S3Hook(conn_id)
    client: S3Client = hook.get_client_type(config=s3_config().merge(hook.config))
    return client
