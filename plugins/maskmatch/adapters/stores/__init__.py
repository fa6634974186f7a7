"""Object storage behind one small protocol: S3 and what speaks S3 (Tencent COS, SeaweedFS), or a folder."""

from maskmatch.adapters.stores.base import ObjectInfo, Store, probe_conditional_writes
from maskmatch.adapters.stores.files import FileStore
from maskmatch.adapters.stores.opening import open_store
from maskmatch.adapters.stores.s3 import S3Store, s3_client

__all__ = [
    "FileStore",
    "ObjectInfo",
    "S3Store",
    "Store",
    "open_store",
    "probe_conditional_writes",
    "s3_client",
]
