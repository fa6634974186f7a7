"""S3 clients for tests, from a store that runs on loopback."""

import boto3

from devstack.seaweed import Seaweed
from maskmatch.storage.object_stores.s3_client import s3_config


def client_of(seaweed: Seaweed, *, secret_key: str | None = None):
    """Return a client with our own settings and the store's address and key."""
    return boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint_url,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=secret_key or seaweed.secret_key,
        region_name="us-east-1",
        config=s3_config(addressing_style="path"),
    )
