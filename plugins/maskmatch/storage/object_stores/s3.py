"""A store over boto3, safe for AWS S3, Tencent COS and SeaweedFS alike."""

import base64
import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from urllib.parse import urlsplit

import boto3
from botocore.client import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from maskmatch.core.errors import ObjectExists, ObjectMissing, StoreAway, StoreRefused, Unavailable
from maskmatch.core.store_troubles import Kind, StoreRule, store_rule
from maskmatch.storage.object_stores.base import Content, ObjectInfo

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

AddressingStyle = Literal["auto", "path", "virtual"]

_EXISTS = {"PreconditionFailed", "412", "FileAlreadyExists"}
_NO_RANGE = {"InvalidRange", "416"}
_GETS = 3
_RENEW_SECONDS = 1.0
"""Between two looks for a newer key."""
_USER = re.compile(r"//[^/\s@]*@")
"""User and password in an address, which boto3's own messages show."""


_MOST_CONNECTIONS = 64
"""Of one client: threads that load images share it."""


def s3_config(*, addressing_style: AddressingStyle | None = None) -> Config:
    """Return client settings that COS accepts too.

    COS refuses the streaming checksums that boto3 adds since 1.36, and, for buckets made since 2024,
    path-style addresses: give `virtual` there, or set it in the file that AWS_CONFIG_FILE names. SigV4 is
    asked for, or presigned URLs would be SigV2.
    """
    return Config(
        signature_version="s3v4",
        user_agent="maskmatch",  # boto3 puts its own together anew for each request, at a tenth of the cost
        s3={"addressing_style": addressing_style} if addressing_style else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"max_attempts": 5, "mode": "standard"},
        max_pool_connections=_MOST_CONNECTIONS,
        connect_timeout=5,
        read_timeout=30,
    )


def s3_client() -> "S3Client":
    """Return a client from the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on)."""
    return boto3.Session().client("s3", config=s3_config())  # a session keeps the key that it found first


class S3Store:
    """Objects below s3://bucket/prefix; one instance may be used by many threads.

    When the store refuses the key, `renewed` gives a client with a newer one, for what comes next.
    """

    def __init__(
        self,
        client: "S3Client",
        *,
        bucket: str,
        prefix: str = "",
        renewed: "Callable[[], S3Client] | None" = None,
    ) -> None:
        self._client = client
        self._renewed = renewed
        self._renewed_at = time.monotonic()
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def uri(self) -> str:
        """Return s3://bucket/prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def host(self) -> str:
        """Return the host of the endpoint."""
        return urlsplit(self._client.meta.endpoint_url).netloc.rpartition("@")[2]

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return an object whole, or its first bytes; one that breaks off is asked for again."""
        return self.read(key, limit=limit).data

    def read(self, key: str, *, limit: int | None = None) -> Content:
        """Return the same with its ETag."""
        for _ in range(_GETS - 1):
            with suppress(Unavailable):
                return self._read(key, limit)
        return self._read(key, limit)

    def _read(self, key: str, limit: int | None) -> Content:
        body, tag = self._opened(key)
        with body:
            return Content(body.read(limit if limit is not None else -1), tag)

    def peek(self, key: str, *, size: int) -> tuple[bytes, ObjectInfo]:
        """Return the first bytes of an object, and what is known about it."""
        try:
            with self._errors(key):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes=0-{size - 1}"
                )
        except StoreRefused as error:
            if error.rule.code not in _NO_RANGE:
                raise
            return b"", self.head(key) or ObjectInfo(key, 0)  # it is empty
        with self._stream(answer, key) as body:
            data = body.read(size)
        whole = answer.get("ContentRange", "").rpartition("/")[2]
        length = int(whole) if whole.isdigit() else answer.get("ContentLength", len(data))
        return data, ObjectInfo(key, length, _tag(answer.get("ETag")))

    def open(self, key: str) -> BinaryIO:
        """Return the body as a stream, which raises Unavailable when it breaks off."""
        return self._opened(key)[0]

    def _opened(self, key: str) -> tuple[BinaryIO, str | None]:
        with self._errors(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        return self._stream(answer, key), _tag(answer.get("ETag"))

    def _stream(self, answer: "GetObjectOutputTypeDef", key: str) -> BinaryIO:
        return io.BufferedReader(_Body(answer["Body"], answer["ContentLength"], lambda: self._errors(key)))

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag."""
        try:
            with self._errors(key):
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ObjectMissing:
            return None
        return ObjectInfo(key, found["ContentLength"], _tag(found.get("ETag")))

    def fingerprint(self, key: str) -> str:
        """Return the ETag."""
        with self._errors(key):
            return self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)["ETag"].strip('"')

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:
        """Yield the objects below a prefix, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": page}
        )
        with self._errors(prefix):
            for each in pages:
                for found in each.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield ObjectInfo(key, found["Size"], _tag(found.get("ETag")))

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write an object in one PUT, with `If-None-Match: *` when it must be new."""
        place, digest = self._prefix + key, _content_md5(io.BytesIO(data))
        with self._errors(key):
            if only_new:
                self._client.put_object(
                    Bucket=self._bucket, Key=place, Body=data, ContentMD5=digest, IfNoneMatch="*"
                )
            else:
                self._client.put_object(Bucket=self._bucket, Key=place, Body=data, ContentMD5=digest)

    def put_file(self, key: str, path: str) -> None:
        """Write an object from a file in one PUT (at most 5 GB)."""
        with self._errors(key), Path(path).open("rb") as body:
            digest = _content_md5(body)
            body.seek(0)
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentMD5=digest)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._errors(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def signed_url(self, key: str, *, seconds: int) -> str:
        """Return a presigned GET address. It is a secret: never log or store it."""
        target = {"Bucket": self._bucket, "Key": self._prefix + key}
        with self._errors(key):
            return self._client.generate_presigned_url("get_object", Params=target, ExpiresIn=seconds)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Turn the errors of boto3 into ours, naming bucket, key and cure."""
        try:
            yield
        except ClientError as error:
            raise self._translated(error, key) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise self._trouble(key, store_rule("no_credentials")) from error
        except ParamValidationError as error:
            raise self._trouble(key, store_rule("invalid_address"), str(error)) from error
        except BotoCoreError as error:
            raise self._trouble(key, store_rule("unreachable"), str(error)) from error

    def _translated(self, error: ClientError, key: str) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if code in _EXISTS:
            return ObjectExists(f"{self._address(key)} exists already")
        return self._trouble(key, store_rule(code, status=status), str(error))

    def _trouble(self, key: str, rule: StoreRule, said: str = "") -> Exception:
        """Return what a refusal is raised as: with the address, the place, the code and the cure."""
        if rule.kind is Kind.MISSING:
            return ObjectMissing(f"{self._address(key)} does not exist")
        if rule.kind is Kind.CREDENTIAL:
            self._renew()
        kind = StoreAway if rule.is_passing else StoreRefused
        text = f"{self._address(key)} at {self.host}: {rule.meaning} ({rule.code}) {said}"
        return kind(_USER.sub("//", text).strip(), rule)

    def _renew(self) -> None:
        """Take a newer key if there is one; threads that were refused together ask once."""
        if self._renewed and time.monotonic() - self._renewed_at > _RENEW_SECONDS:
            self._renewed_at = time.monotonic()
            with suppress(Exception):  # whatever it is, the refusal is told
                self._client = self._renewed()

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"


def _tag(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def _content_md5(body: io.BytesIO | io.BufferedReader) -> str:
    """Return the digest by which a store refuses a body that broke off (SeaweedFS keeps a void)."""
    return base64.b64encode(hashlib.file_digest(body, _md5).digest()).decode()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


class _Body(io.RawIOBase):
    """The body of an object, which does not end before its length."""

    def __init__(
        self, body: "StreamingBody", length: int, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._body = body
        self._left = length
        self._errors = errors

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; raise Unavailable when there are none though some are left."""
        with self._errors():
            block = self._body.read(min(len(buffer), self._left))
        if not block and self._left:
            raise StoreAway(
                f"an object broke off {self._left:,} bytes before its end", store_rule("broken_off")
            )
        buffer[: len(block)] = block
        self._left -= len(block)
        return len(block)

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()
        super().close()
