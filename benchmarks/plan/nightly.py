"""A real S3 store, a real service and the real command line, and what the service bills for each command."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from devstack.pictures import JPEG_HEAD
from devstack.seaweed import Seaweed
from devstack.service import LocalService

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FIRST_DAY = date(2026, 1, 1)
BUCKET, OTHER_BUCKET = "maskmatch", "elsewhere"
IN_FLIGHT = 8
HEADER = ("pair_id", "reference_id", "probe_id", "is_mated", "attr_mask")
Line = tuple[str, str, str, str, str]


def image(number: int) -> bytes:
    """Return what passes for a JPEG where nobody looks for a face."""
    return JPEG_HEAD + b"picture %d" % number


def lines(count: int, *, images: int = 120, first: int = 0, folder: str = "images/") -> list[Line]:
    """Return so many rows from one on, no two with the same images."""
    found: list[Line] = []
    for number in range(first, first + count):
        reference, step = number % images, number // images + 1
        names = (f"{folder}{n}.jpg" for n in (reference, (reference + step) % images))
        found.append((f"p{number:06d}", *names, "true", "none"))  # type: ignore[arg-type]
    return found


def as_csv(rows: Sequence[Line]) -> bytes:
    """Return rows as csv."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    return text.getvalue().encode()


def as_jsonl(rows: Sequence[Line]) -> bytes:
    """Return rows as JSON lines."""
    return "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows).encode()


def as_parquet(rows: Sequence[Line]) -> bytes:
    """Return rows as parquet."""
    sink = io.BytesIO()
    columns = zip(*rows, strict=True)
    pq.write_table(pa.table(dict(zip(HEADER, map(list, columns), strict=True))), sink)
    return sink.getvalue()


def as_gzip(rows: Sequence[Line]) -> bytes:
    """Return rows as csv, packed."""
    return gzip.compress(as_csv(rows))


@dataclass
class Nights:
    """Dates of one source and one warehouse; `billed` is what the service's meter shows since `mark`."""

    folder: Path
    seaweed: Seaweed
    service: LocalService
    s3: "S3Client" = field(init=False)
    day: date = FIRST_DAY
    _billed: int = 0

    def __post_init__(self) -> None:
        """Make the client that plays whoever supplies manifests and images."""
        keys = self.seaweed.environment()
        self.s3 = boto3.client(
            "s3",
            endpoint_url=keys["AWS_ENDPOINT_URL"],
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=keys["AWS_REGION"],
        )

    def next_day(self) -> None:
        """Go on with a date of which nothing is known."""
        self.day += timedelta(days=10)

    def put(self, key: str, data: bytes, *, bucket: str = BUCKET) -> None:
        """Write an object of the source."""
        self.s3.put_object(Bucket=bucket, Key=f"source/{key}" if bucket == BUCKET else key, Body=data)

    def put_in_parts(self, key: str, data: bytes) -> None:
        """Write an object whose tag is no MD5."""
        place = {"Bucket": BUCKET, "Key": f"source/{key}"}
        upload = self.s3.create_multipart_upload(**place)["UploadId"]
        part = self.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=data)
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        self.s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)  # type: ignore[arg-type]

    def manifests(self, **files: bytes) -> None:
        """Let the date have these manifests alone; a name's last `_` stands for a dot."""
        prefix = f"source/manifests/ds={self.day}/"
        for found in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ()):
            self.s3.delete_object(Bucket=BUCKET, Key=found["Key"])
        for name, data in files.items():
            self.put(f"manifests/ds={self.day}/{name.replace('_', '.')}", data)

    def start(
        self, *more: str, command: str = "run", source: str = "", **environment: str
    ) -> "subprocess.Popen[str]":
        """Start a command for the date, the one that runs it unless another is named."""
        words = {
            "--date": str(self.day),
            "--source": source or f"s3://{BUCKET}/source",
            "--warehouse": f"s3://{BUCKET}/warehouse",
            **({"--calls-in-flight": str(IN_FLIGHT)} if command == "run" else {}),
        }
        told = {word.partition("=")[0] for word in more}
        given = [f"{name}={value}" for name, value in words.items() if name not in told]
        return subprocess.Popen(
            [sys.executable, "-m", "maskmatch.cli.__main__", command, *given, *more],
            env=os.environ | self.environment() | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command == "run" else None,
        )

    def environment(self) -> dict[str, str]:
        """Return how the account and the store are reached."""
        return {
            **self.seaweed.environment(),
            "TENCENTCLOUD_SECRET_ID": self.service.secret_id,
            "TENCENTCLOUD_SECRET_KEY": self.service.secret_key,
            "MASKMATCH_ENDPOINT": self.service.endpoint,
            "MASKMATCH_PROTOCOL": "http",
            "MASKMATCH_BUDGET_CALLS_PER_DAY": "none",
            "MASKMATCH_CALLS_PER_SECOND": "1000",
            "MASKMATCH_PERMIT_STORE": f"sqlite:///{self.folder}/permits.sqlite3",
            "MASKMATCH_IMAGE_BUCKETS": OTHER_BUCKET,
        }

    def run(self, *more: str, source: str = "", **environment: str) -> int:
        """Run the date; return how many calls the service has billed for it."""
        before = self.billed()
        process = self.start(*more, source=source, **environment)
        output, _ = process.communicate(timeout=300)
        if process.returncode != 0:
            raise RuntimeError(output)
        return self.billed() - before

    def forecast(self, *more: str) -> dict[str, Any]:
        """Return what the command line forecasts for the date."""
        process = self.start("--json", *more, command="plan")
        output, _ = process.communicate(timeout=300)
        found: dict[str, Any] = json.loads(output)
        return found

    def run_timed(self, *more: str) -> tuple[int, float]:
        """Run the date; return the calls billed, and the seconds from the first of them to the last.

        The opening call, which is free, comes before the plan.
        """
        self.service.reset_meter()
        calls = self.run(*more)
        times = [call["at"] for call in self.service.meter(with_calls=True)["calls"] if call["billed"]]
        return calls, max(times) - min(times)

    def run_killed(self, *, after: int, source: str = "") -> int:
        """Kill the command (-9) once so many calls were billed; return how many were at last."""
        before = self.billed()
        process = self.start(source=source)
        while self.billed() - before < after:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.5)
        return self.billed() - before

    def billed(self) -> int:
        """Return what the meter shows."""
        return int(self.service.meter()["billed"])
