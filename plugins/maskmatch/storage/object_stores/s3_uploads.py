"""An object that is written piece by piece: one PUT if it is small, else an upload in parts."""

import base64
import hashlib
import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

from maskmatch.core.errors import MaskmatchError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 16 * 1024 * 1024
"""Of each part but the last, as some stores want it; 10,000 parts, the most of S3, are 160 GB.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


class Upload(io.RawIOBase):
    """A stream whose bytes become an object by `complete`, under a condition, and nothing by `abort`.

    A process that is killed leaves its parts to the store, unseen by readers; a rule for incomplete uploads
    removes them.
    """

    def __init__(
        self,
        client: "S3Client",
        place: Mapping[str, str],
        of_each_write: Mapping[str, Any],
        errors: Callable[[], AbstractContextManager[None]],
        condition: Mapping[str, str],
    ) -> None:
        self._client: Any = client  # whose types know no arguments in a mapping
        self._place = place
        self._of_each_write = of_each_write
        self._errors = errors
        self._condition = condition
        self._waiting = bytearray()
        self._upload_id = ""
        self._parts: list[dict[str, Any]] = []

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Send what fills a part."""
        size = len(memoryview(data).cast("B"))
        self._waiting += data
        while len(self._waiting) > PART_BYTES:
            self._send(bytes(self._waiting[:PART_BYTES]))
            del self._waiting[:PART_BYTES]
        return size

    def complete(self) -> None:
        """Send the rest and make all of it the object."""
        rest = bytes(self._waiting)
        if not self._upload_id:
            with self._errors():
                self._client.put_object(
                    **self._place, **_body(rest), **self._of_each_write, **self._condition
                )
            return
        try:
            self._send(rest)
            with self._errors():
                self._client.complete_multipart_upload(
                    **self._place,
                    UploadId=self._upload_id,
                    MultipartUpload={"Parts": self._parts},
                    **self._condition,
                )
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Remove the parts, as far as the store lets us."""
        if self._upload_id:
            with suppress(MaskmatchError), self._errors():
                self._client.abort_multipart_upload(**self._place, UploadId=self._upload_id)

    def _send(self, part: bytes) -> None:
        with self._errors():
            if not self._upload_id:
                begun = self._client.create_multipart_upload(**self._place, **self._of_each_write)
                self._upload_id = begun["UploadId"]
            number = len(self._parts) + 1
            sent = self._client.upload_part(
                **self._place, UploadId=self._upload_id, PartNumber=number, **_body(part)
            )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


def _body(data: bytes) -> dict[str, Any]:
    return {"Body": data, "ContentMD5": content_md5(io.BytesIO(data))}


def content_md5(body: io.BytesIO | io.BufferedReader) -> str:
    """Return the digest by which a store refuses a body that broke off (SeaweedFS keeps a void)."""
    return base64.b64encode(hashlib.file_digest(body, _md5).digest()).decode()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)
