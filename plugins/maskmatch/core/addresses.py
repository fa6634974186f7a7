"""Addresses of objects as exports write them, and the one image id that an object has here.

images/a.jpg                        below the source: its key, without the prefix of the source
s3://bucket/key                     elsewhere in the store of the source

s3://, s3a:// and s3n:// mean the store, cos:// and cosn:// where it is Tencent COS, oss:// where it is
Alibaba OSS; so do https:// addresses of its objects. Any other https:// address is a public one.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self
from urllib.parse import unquote

from maskmatch.core.image_ids import what_is_wrong
from maskmatch.core.shown import shown


class Provider(StrEnum):
    """Whose store it is, as messages name it."""

    COS = "Tencent COS"
    AWS = "Amazon S3"
    OSS = "Alibaba OSS"
    OTHER = "another S3 store"
    FOLDER = "a folder"


_OF_SCHEME = {
    "s3": None,
    "s3a": None,
    "s3n": None,
    "cos": Provider.COS,
    "cosn": Provider.COS,
    "oss": Provider.OSS,
}
"""Whose objects a scheme names; None is whichever store the source is in."""
_HOSTS = {
    Provider.COS: re.compile(
        r"(?:(?P<bucket>[a-z0-9-]+)\.)?cos(?:-internal)?\.(?P<region>[a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)"
    ),
    Provider.AWS: re.compile(
        r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3(?:-fips)?(?:[.-](?!website)(?:dualstack\.)?(?P<region>[a-z0-9-]+)"
        r"(?:\.dualstack)?)?\.amazonaws\.com(?:\.cn)?"
    ),
    Provider.OSS: re.compile(
        r"(?:(?P<bucket>[a-z0-9-]+)\.)?(?:s3\.)?oss-(?P<region>[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
    ),
}
"""https://cloud.tencent.com/document/product/436/6224
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
https://www.alibabacloud.com/help/en/oss/regions-and-endpoints"""
_LONGEST = 60
_NO_REGION = {None, "accelerate", "accelerate-overseas"}
_SCHEME = re.compile(r"([a-z0-9]+)://", re.IGNORECASE)
_WEB = re.compile(r"https?://([A-Za-z0-9.-]+)(:[0-9]+)?/([^?#]*)(.*)", re.DOTALL)
_VENDORS = (
    r"^https?://[^/]*(?:myqcloud\.com|tencentcos\.cn|amazonaws\.com|amazonaws\.com\.cn|aliyuncs\.com)[:/]"
)


class _Object(NamedTuple):
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where the source lies: provider, host and region of its store, bucket and prefix in it.

    Without a provider nothing is known, and every scheme may mean the store.
    """

    provider: Provider | None = None
    host: str = ""
    region: str | None = None
    bucket: str = ""
    prefix: str = ""

    @classmethod
    def of(cls, uri: str, host: str) -> Self:
        """Return the place of a store by its address and the host that keeps it."""
        if not uri.startswith("s3://"):
            return cls(Provider.FOLDER)
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        provider, region = _whose(host)
        return cls(provider, host.lower(), region, bucket, f"{prefix}/" if prefix else "")

    def image_id(self, address: str) -> str:
        """Return the image id of an address or key; raise ValueError with the reason for another store's."""
        found = self._object(address)
        if found is None:
            return address
        if found.bucket == self.bucket and found.key.startswith(self.prefix):
            key = found.key.removeprefix(self.prefix)
            if key and what_is_wrong(key) is None and "://" not in key:
                return key
        return f"s3://{found.bucket}/{found.key}"

    def own_addresses(self) -> tuple[str, ...]:
        """Return how addresses of plain keys below the source may begin."""
        if not self.bucket:
            return ()
        schemes = [name for name, whose in _OF_SCHEME.items() if whose in {None, self.provider}]
        webs = [f"https://{self.host}/{self.bucket}/", f"https://{self.bucket}.{self.host}/"]
        return tuple(
            f"{each}{self.prefix}" for each in (*(f"{name}://{self.bucket}/" for name in schemes), *webs)
        )

    def doubtful(self) -> str:
        """Return a pattern, as RE2 has them, of addresses that may have another image id."""
        own = [f"^s3://{re.escape(f'{self.bucket}/{self.prefix}')}"] if self.bucket else []
        hosts = [rf"^https?://(?:[^/]*\.)?{re.escape(self.host)}/"] if self.host else []
        return "|".join([_VENDORS, *own, *hosts])

    def _object(self, address: str) -> _Object | None:
        """Return the object that an address names; None for a key and for a public address."""
        scheme = _SCHEME.match(address)
        if not scheme:
            return None
        if scheme[1] in {"http", "https"}:
            return self._web_object(address)
        if scheme[1] not in _OF_SCHEME:
            return None
        self._refuse_strange(scheme[1])
        bucket, _, key = address[scheme.end() :].partition("/")
        return _Object(bucket, key)

    def _refuse_strange(self, scheme: str) -> None:
        """Raise ValueError for the scheme of another provider."""
        whose = _OF_SCHEME[scheme]
        if whose and self.provider not in {None, whose}:
            raise ValueError(
                f"{scheme}:// is an address of {whose}, and the source is {self.provider}: give the key "
                "below it"
            )

    def _web_object(self, address: str) -> _Object | None:
        found = _WEB.fullmatch(address)
        if not found or self.provider in {None, Provider.FOLDER}:
            return None
        host, port, path, rest = found[1].lower(), found[2] or "", found[3], found[4]
        bucket = self._bucket_of(host, port)
        if bucket is None or rest.startswith("?"):  # with a query it may be a picture made of the object
            return None
        if rest:
            raise ValueError("# ends an https:// address: write %23, or give the key below the source")
        try:
            path = unquote(path, errors="strict")
        except UnicodeDecodeError:
            raise ValueError("the escapes of the address are not those of UTF-8: give the key") from None
        if bucket:
            return _Object(bucket, path)
        bucket, _, path = path.partition("/")
        return _Object(bucket, path)

    def _bucket_of(self, host: str, port: str) -> str | None:
        """Return the bucket that a host of our store names, none where the path does; None for others."""
        if host + port == self.host:
            return ""
        pattern = _HOSTS.get(self.provider) if self.provider else None
        found = pattern.fullmatch(host) if pattern and port in {"", ":443"} else None
        if not found:
            is_below = (host + port).endswith(f".{self.host}")
            return (host + port).removesuffix(f".{self.host}") if is_below else None
        bucket, region = found["bucket"] or "", found["region"]
        is_same = bucket == self.bucket or region in _NO_REGION or self.region in {None, region}
        return bucket if is_same else None


ANYWHERE = SourcePlace()


def _whose(host: str) -> tuple[Provider, str | None]:
    """Return the provider and, where the host says it, the region of a store."""
    name = host.lower().partition(":")[0]
    for provider, pattern in _HOSTS.items():
        if found := pattern.fullmatch(name):
            region = found["region"]
            return provider, None if region in _NO_REGION else region
    return Provider.OTHER, None


def hint_for_missing(key: str) -> str:
    """Return what may be wrong with the key of an object that is not there; nothing if it looks sound."""
    if (decoded := unquote(key, errors="replace")) != key:
        return f"; it looks percent-encoded, and keys are taken as they are: was {shown(decoded)} meant?"
    if "\\" in key:
        return "; it has backslashes, and keys have slashes"
    if not key.isprintable() or any("\uff01" <= each <= "\uff5e" for each in key):
        return f"; it holds characters that are not seen, or look like others: {key[:_LONGEST]!a}"
    return ""
