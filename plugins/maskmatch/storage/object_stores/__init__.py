"""Object storage behind one small protocol: S3 and what speaks S3 (Tencent COS, SeaweedFS), or a folder."""

from maskmatch.storage.object_stores.base import (
    Content,
    ObjectInfo,
    Page,
    Store,
    Tail,
    probe_conditional_writes,
    probe_swaps,
)
from maskmatch.storage.object_stores.files import FileStore
from maskmatch.storage.object_stores.modes import TABLE_MODE, read_mode
from maskmatch.storage.object_stores.opening import open_store
from maskmatch.storage.object_stores.patient import PatientStore
from maskmatch.storage.object_stores.s3 import S3Store
from maskmatch.storage.object_stores.store_settings import StoreSettings

__all__ = [
    "TABLE_MODE",
    "Content",
    "FileStore",
    "ObjectInfo",
    "Page",
    "PatientStore",
    "S3Store",
    "Store",
    "StoreSettings",
    "Tail",
    "open_store",
    "probe_conditional_writes",
    "probe_swaps",
    "read_mode",
]
