"""What must never be kept: planted canaries are looked for in everything that Airflow and we leave behind."""

import base64
import io
import subprocess
from collections.abc import Iterator
from datetime import date

import pyarrow.parquet as pq

from devstack.pictures import JPEG_HEAD
from devstack.postgres import postgres_programs
from tests.dags.conftest import DAG

DAY = date(2026, 3, 10)
PIXELS = b"CANARY-PIXELS-0123456789-CANARY-PIXELS"


def left_behind(nights) -> Iterator[tuple[str, bytes]]:
    """Yield all that is kept: Airflow's logs and metadata (XCom, rendered fields), service log, tables."""
    for path in (nights.home / "airflow").rglob("*"):
        if path.is_file() and "secrets" not in path.parts:
            yield str(path), path.read_bytes()
    dump = [postgres_programs() / "pg_dump", nights.database.uri]
    yield "airflow's database", subprocess.run(dump, check=True, capture_output=True).stdout
    yield "service log", (nights.home / "service" / "service.log").read_bytes()
    yield "permit_store", (nights.home / "permits.sqlite3").read_bytes()
    for found in nights.warehouse.list(""):
        yield found.key, _plain(found.key, nights.warehouse.get(found.key))


def _plain(key: str, data: bytes) -> bytes:
    """Return a table's values uncompressed, so that they can be searched."""
    if not key.endswith(".parquet"):
        return data
    return str(pq.read_table(io.BytesIO(data)).to_pylist()).encode()


def canaries(nights, seaweed) -> dict[str, bytes]:
    return {
        "the service's key": nights.service.secret_key.encode(),
        "the store's key": seaweed.secret_key.encode(),
        "a signature": b"X-Amz-Signature",
        "a credential": b"X-Amz-Credential",
        "an Authorization header": b"TC3-HMAC-SHA256",
        "image bytes": PIXELS[:20],
        **{f"base64 at {shift}": base64.b64encode(PIXELS[shift : shift + 15]) for shift in range(3)},
    }


def test_no_secret_signed_url_or_image_byte_is_left_in_logs_xcom_rendered_fields_or_tables(
    nights, pairs, seaweed
):
    signed = "x1,images/0.jpg,https://cdn.test/a.jpg?X-Amz-Signature=abc&X-Amz-Credential=def,,"
    transfers = {DAY: "bytes", DAY.replace(day=DAY.day + 1): "url"}
    for day in transfers:
        pairs(day, 12, extra_lines=[signed, "x2,images/0.jpg,images/missing.jpg,,"])
    for image in range(12):
        nights.source.put(f"images/{image}.jpg", JPEG_HEAD + PIXELS + b"%d" % image)
    runs = [nights.start(day, image_transfer=transfer) for day, transfer in transfers.items()]
    assert [nights.airflow.wait(DAG, run_id, seconds=180) for run_id in runs] == ["success"] * 2
    for day in transfers:
        codes = set(nights.outcomes(day)["failure_code"].dropna())
        assert codes == {"signed_url_refused", "image_missing"}

    files = list(left_behind(nights))
    assert len([name for name, _ in files if name.endswith(".log")]) > 10
    assert any(b"max_shards" in data for name, data in files if name == "airflow's database")
    hits = [
        (name, what)
        for name, data in files
        for what, canary in canaries(nights, seaweed).items()
        if canary in data
    ]
    assert hits == []
