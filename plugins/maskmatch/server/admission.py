"""Who may call, and for what: the checks the vendor's gateway makes before it reads a request's content.

The vendor does not document their order; this one fits the answers its users report.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from maskmatch.server.errors import Mistake, ServiceError
from maskmatch.server.settings import Settings
from maskmatch.server.signature import Authorization, is_signed_with, read_authorization

ACTION = "CompareMaskFace"
VERSION = "2020-03-03"
MEDIA_TYPE = "application/json"
LARGEST_REQUEST = 10 * 1024 * 1024
"""Bytes of a POST signed with TC3 (https://cloud.tencent.com/document/api/867/44975)."""
CLOCK_TOLERANCE = timedelta(minutes=5)
REGIONS = frozenset(
    {
        "ap-bangkok",
        "ap-beijing",
        "ap-beijing-fsi",
        "ap-chengdu",
        "ap-chongqing",
        "ap-guangzhou",
        "ap-hongkong",
        "ap-jakarta",
        "ap-mumbai",
        "ap-nanjing",
        "ap-seoul",
        "ap-shanghai",
        "ap-shanghai-fsi",
        "ap-shenzhen-fsi",
        "ap-singapore",
        "ap-tokyo",
        "eu-frankfurt",
        "na-ashburn",
        "na-siliconvalley",
        "na-toronto",
        "sa-saopaulo",
    }
)


def check_protocol(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what is not a POST of JSON."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method != "POST" or media_type != MEDIA_TYPE:
        raise ServiceError(Mistake.UNSUPPORTED_PROTOCOL)


def check_caller(
    headers: Mapping[str, str], *, payload_sha256: str, now: float, settings: Settings
) -> Authorization:
    """Return the caller's proven claim; refuse a request without common parameters, or not signed by us."""
    _check_required(headers, settings=settings)
    claim = read_authorization(headers["authorization"])
    timestamp = headers["x-tc-timestamp"]
    _check_time(timestamp, now=now)
    if claim.secret_id != settings.secret_id:
        raise ServiceError(Mistake.UNKNOWN_SECRET_ID)
    if headers.get("x-tc-token"):
        raise ServiceError(Mistake.WRONG_TOKEN)
    is_signed = is_signed_with(
        settings.secret_key, claim, headers=headers, timestamp=timestamp, payload_sha256=payload_sha256
    )
    if not is_signed or claim.date != _utc_date(timestamp):
        raise ServiceError(Mistake.WRONG_SIGNATURE)
    return claim


def check_target(headers: Mapping[str, str]) -> None:
    """Refuse another version, action or region than this service has."""
    version = headers["x-tc-version"]
    if version != VERSION:
        raise ServiceError(Mistake.NO_SUCH_VERSION, version=version)
    if headers["x-tc-action"] != ACTION:
        raise ServiceError(Mistake.INVALID_ACTION)
    if headers.get("x-tc-region") not in REGIONS | {None}:
        raise ServiceError(Mistake.UNSUPPORTED_REGION)


def _check_required(headers: Mapping[str, str], *, settings: Settings) -> None:
    required = {"Action": "x-tc-action", "Version": "x-tc-version", "Timestamp": "x-tc-timestamp"}
    if settings.strict_region:
        required["Region"] = "x-tc-region"
    required["Authorization"] = "authorization"
    for name, header in required.items():
        if not headers.get(header):
            raise ServiceError(Mistake.MISSING, name=name)
    timestamp = headers["x-tc-timestamp"]
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 19):
        raise ServiceError(Mistake.WRONG_TYPE, name="Timestamp")


def _check_time(timestamp: str, *, now: float) -> None:
    if abs(now - int(timestamp)) > CLOCK_TOLERANCE.total_seconds():
        raise ServiceError(Mistake.EXPIRED)


def _utc_date(timestamp: str) -> str:
    return datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d")
