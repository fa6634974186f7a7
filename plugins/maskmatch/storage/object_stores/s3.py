"""A store over boto3, safe for AWS S3, Tencent COS and SeaweedFS alike."""

import io
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from maskmatch.core.errors import (
    ConditionUnsupported,
    ObjectExists,
    ObjectMissing,
    StoreAway,
    StoreRefused,
    Unavailable,
)
from maskmatch.core.shown import plain, without_users
from maskmatch.core.store_troubles import Kind, StoreRule, store_rule
from maskmatch.storage.object_stores.base import Content, ObjectInfo, Page, Tail
from maskmatch.storage.object_stores.s3_bodies import Body
from maskmatch.storage.object_stores.s3_errors import knows_no_conditions, rule_of, says_it_exists
from maskmatch.storage.object_stores.s3_uploads import Upload, content_md5

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectTypeDef

_NO_RANGE = {"InvalidRange", "416"}
_GETS = 3
_RENEW_SECONDS = 1.0
"""Between two looks for a newer key."""
_NO_END_SECONDS = 10**9


class S3Store:
    """Objects below s3://bucket/prefix; one instance may be used by many threads.

    When the store refuses the key, `renewed` gives a client with a newer one, for what comes next.
    `of_each_write` is said with every PUT, in the words of boto3.
    """

    def __init__(
        self,
        client: "S3Client",
        *,
        bucket: str,
        prefix: str = "",
        renewed: "Callable[[], S3Client] | None" = None,
        of_each_write: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._renewed = renewed
        self._renewed_at = time.monotonic()
        self._of_each_write = dict(of_each_write or {})
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
        left = _GETS
        while True:
            left -= 1
            body, tag = self._opened(key)  # which boto3 tries several times by itself
            with suppress(Unavailable) if left else nullcontext(), body:
                return Content(_whole(body, limit), tag)

    def peek(self, key: str, *, size: int) -> tuple[bytes, ObjectInfo]:
        """Return the first bytes of an object, and what is known about it."""
        try:
            with self._errors(key):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes=0-{size - 1}"
                )
        except StoreRefused as error:
            if error.rule.code not in _NO_RANGE or not (empty := self._empty(key)):
                raise
            return b"", empty
        with self._stream(answer, key) as body:
            data = body.read(size)
        length = self._size(key, _whole_size(answer, data, size))
        return data, ObjectInfo(key, length, _tag(answer.get("ETag")))

    def tail(self, key: str, *, size: int) -> Tail | None:
        """Return the last bytes of an object and its ETag, asked again when the answer breaks off."""
        for left in reversed(range(_GETS)):
            try:
                with self._errors(key):
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes=-{size}"
                    )
            except ObjectMissing:
                return None
            except StoreRefused as error:
                if error.rule.code not in _NO_RANGE or not (empty := self._empty(key)):
                    raise
                return Tail(b"", empty.tag or "")
            with suppress(Unavailable) if left else nullcontext(), self._stream(answer, key) as body:
                return Tail(body.read(), _tag(answer.get("ETag")) or "")
        return None

    def _empty(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object if it is there and empty: no part of it can be sent."""
        with suppress(StoreRefused, StoreAway):
            found = self.head(key)
            return None if found is None or found.size else found
        return None

    def open(self, key: str) -> BinaryIO:
        """Return the body as a stream, which raises Unavailable when it breaks off."""
        return self._opened(key)[0]

    def _opened(self, key: str) -> tuple[BinaryIO, str | None]:
        with self._errors(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        return self._stream(answer, key), _tag(answer.get("ETag"))

    def _stream(self, answer: "GetObjectOutputTypeDef", key: str) -> BinaryIO:
        def broken_off(left: int) -> Exception:
            return self._trouble(key, store_rule("broken_off"), f"{left:,} bytes were to come")

        length = answer.get("ContentLength")
        return io.BufferedReader(Body(answer["Body"], length, lambda: self._errors(key), broken_off))

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag."""
        try:
            with self._errors(key):
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ObjectMissing:
            return None
        return ObjectInfo(key, self._size(key, found.get("ContentLength")), _tag(found.get("ETag")))

    def fingerprint(self, key: str) -> str:
        """Return the ETag; without one the time of the last change, with the size."""
        with self._errors(key):
            found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        if tag := _tag(found.get("ETag")):
            return tag
        if changed := found.get("LastModified"):
            return f"{changed.isoformat()}-{self._size(key, found.get('ContentLength'))}"
        raise self._trouble(key, store_rule("no_tag"))

    def _size(self, key: str, told: int | None) -> int:
        """Return the size that an answer told, else the one that the listing tells."""
        if told is not None:
            return told
        for found in self.list(key):
            if found.key == key:
                return found.size
        raise self._trouble(key, store_rule("no_size"))

    def list(self, prefix: str, *, page: int = 1000) -> Iterator[ObjectInfo]:
        """Yield the objects below a prefix, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": page}
        )
        with self._errors(prefix):
            for each in pages:
                yield from map(self._info, each.get("Contents", ()))

    def _info(self, found: "ObjectTypeDef") -> ObjectInfo:
        return ObjectInfo(found["Key"].removeprefix(self._prefix), found["Size"], _tag(found.get("ETag")))

    def page(self, prefix: str, *, after: str = "") -> Page:
        """Return the next thousand objects behind a key."""
        behind: dict[str, Any] = {"StartAfter": self._prefix + after} if after else {}
        with self._errors(prefix):
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + prefix, **behind)
        objects = [self._info(each) for each in found.get("Contents", ())]
        return Page(objects, is_last=not (found.get("IsTruncated") and objects))

    def list_others(self, prefix: str) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Yield nothing: there are objects alone."""
        return iter(())

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        """Write an object in one PUT, with `If-None-Match: *` when it must be new."""
        condition = {"IfNoneMatch": "*"} if only_new else {}
        self._put(key, data, content_md5(io.BytesIO(data)), condition)

    def put_file(self, key: str, path: str) -> None:
        """Write an object from a file in one PUT (at most 5 GB)."""
        with Path(path).open("rb") as body:
            digest = content_md5(body)
            body.seek(0)
            self._put(key, body, digest, {})

    def swap(self, key: str, path: str, *, over: str | None) -> None:
        """Write an object from a file, in parts if it is large, with `If-Match` or `If-None-Match`."""
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        upload = self._upload(key, condition)
        try:
            with Path(path).open("rb") as source:
                shutil.copyfileobj(source, cast("BinaryIO", upload), 1 << 20)
        except BaseException:
            upload.abort()
            raise
        try:
            upload.complete()
        except ObjectMissing as error:
            raise ObjectExists(f"{self._address(key)} is gone") from error

    def _put(self, key: str, body: bytes | BinaryIO, digest: str, condition: Mapping[str, str]) -> None:
        said: dict[str, Any] = {**self._of_each_write, **condition}
        with self._errors(key, is_conditional=bool(condition)):
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentMD5=digest, **said
            )

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """Yield a stream that is sent in parts; the object is there, whole, when the last one is settled."""
        upload = self._upload(key, {})
        try:
            yield cast("BinaryIO", upload)
        except BaseException:
            upload.abort()
            raise
        upload.complete()

    def _upload(self, key: str, condition: Mapping[str, str]) -> Upload:
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        return Upload(
            self._client,
            place,
            self._of_each_write,
            lambda: self._errors(key, is_conditional=bool(condition)),
            condition,
        )

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._errors(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def signed_url(self, key: str, *, seconds: int) -> str:
        """Return a presigned GET address, which lives no longer than the key that signs it.

        It is a secret: never log or store it. A key about to end that boto3 can renew is renewed first.
        """
        target = {"Bucket": self._bucket, "Key": self._prefix + key}
        with self._errors(key):
            seconds = min(seconds, self._key_seconds())
            if seconds < 1:
                raise self._trouble(key, store_rule("ExpiredToken"))
            return self._client.generate_presigned_url("get_object", Params=target, ExpiresIn=seconds)

    def _key_seconds(self) -> int:
        """Return for how long the key is good, as far as boto3 knows."""
        credentials = self._client._get_credentials()  # type: ignore[attr-defined]  # noqa: SLF001  no other way
        if not hasattr(credentials, "_expiry_time"):
            return _NO_END_SECONDS
        credentials.get_frozen_credentials()
        ends = credentials._expiry_time  # noqa: SLF001
        return int((ends - datetime.now(UTC)).total_seconds()) if ends else _NO_END_SECONDS

    @contextmanager
    def _errors(self, key: str, *, is_conditional: bool = False) -> Iterator[None]:
        """Turn the errors of boto3 into ours, naming bucket, key and cure."""
        try:
            yield
        except ClientError as error:
            if says_it_exists(error):
                raise ObjectExists(f"{self._address(key)} exists already") from error
            if is_conditional and knows_no_conditions(error):
                raise ConditionUnsupported(
                    f"{self.host} knows no create-only writes: {without_users(str(error))}"
                ) from error
            raise self._trouble(key, rule_of(error), str(error)) from error
        except BotoCoreError as error:
            raise self._trouble(key, rule_of(error), str(error)) from error

    def _trouble(self, key: str, rule: StoreRule, said: str = "") -> Exception:
        """Return what a refusal is raised as: with the address, the place, the code and the cure."""
        if rule.kind is Kind.MISSING:
            return ObjectMissing(f"{self._address(key)} does not exist")
        if rule.kind is Kind.CREDENTIAL:
            self._renew()
        kind = StoreAway if rule.is_passing else StoreRefused
        text = f"{self._address(key)} at {self.host}: {rule.meaning} ({rule.code}) {without_users(said)}"
        return kind(text.strip(), rule)

    def _renew(self) -> None:
        """Take a newer key if there is one; threads that were refused together ask once."""
        if self._renewed and time.monotonic() - self._renewed_at > _RENEW_SECONDS:
            self._renewed_at = time.monotonic()
            with suppress(Exception):  # whatever it is, the refusal is told
                self._client = self._renewed()

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{plain(self._prefix + key)}"


def _whole(body: BinaryIO, limit: int | None) -> bytes:
    return body.read(limit if limit is not None else -1)


def _tag(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def _whole_size(answer: "GetObjectOutputTypeDef", data: bytes, asked: int) -> int | None:
    """Return the size of the object of which `data` is the beginning, None where nothing tells it."""
    if (whole := answer.get("ContentRange", "").rpartition("/")[2]).isdigit():
        return int(whole)
    return answer.get("ContentLength", len(data) if len(data) < asked else None)
