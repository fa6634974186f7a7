"""The common parameters: what every request carries besides what it asks for, and its signature.

They are headers under TC3, and fields of the query or the form under v1
(https://cloud.tencent.com/document/api/867/44975).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.signature import read_authorization, tc3_signature_matches
from comparemaskface.wire.signature_v1 import v1_signature_matches
from comparemaskface.wire.vendor_errors import VendorError

ACTION = "CompareMaskFace"
VERSION = "2020-03-03"
DEFAULT_REGION = "ap-guangzhou"
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
_HEADERS_WITH_REGION = {
    "Action": "x-tc-action",
    "Version": "x-tc-version",
    "Timestamp": "x-tc-timestamp",
    "Region": "x-tc-region",
    "Authorization": "authorization",
}
_HEADERS = {name: header for name, header in _HEADERS_WITH_REGION.items() if name != "Region"}


@dataclass(frozen=True, slots=True)
class CommonParameters:
    """The common parameters of a request. `is_signed_with`: True if a SecretKey gives its signature."""

    action: str
    version: str
    timestamp: str
    region: str | None
    token: str = field(repr=False)
    secret_id: str = field(repr=False)
    is_signed_with: Callable[[str], bool] = field(repr=False)


def read_from_headers(
    headers: Mapping[str, str], *, target: str, payload_sha256: str, strict_region: bool
) -> CommonParameters:
    """Read the common parameters of a request signed with TC3.

    `target`: method, path and query, a line each.
    """
    _check_required(headers, _HEADERS_WITH_REGION if strict_region else _HEADERS)
    timestamp = headers["x-tc-timestamp"]
    _check_number(timestamp, "Timestamp")
    claim = read_authorization(headers["authorization"])

    def is_signed(secret_key: str) -> bool:
        return claim.date == _utc_date(timestamp) and tc3_signature_matches(
            secret_key,
            claim,
            headers=headers,
            timestamp=timestamp,
            payload_sha256=payload_sha256,
            target=target,
        )

    return CommonParameters(
        action=headers["x-tc-action"],
        version=headers["x-tc-version"],
        timestamp=timestamp,
        region=headers.get("x-tc-region"),
        token=headers.get("x-tc-token", ""),
        secret_id=claim.secret_id,
        is_signed_with=is_signed,
    )


def read_from_fields(
    fields: Mapping[str, str], *, method: str, host: str, strict_region: bool
) -> CommonParameters:
    """Read the common parameters of a request signed with v1."""
    names = ["Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature"]
    _check_required(fields, {name: name for name in [*names, *["Region"] * strict_region]})
    for name in ("Timestamp", "Nonce"):
        _check_number(fields[name], name)
    return CommonParameters(
        action=fields["Action"],
        version=fields["Version"],
        timestamp=fields["Timestamp"],
        region=fields.get("Region"),
        token=fields.get("Token", ""),
        secret_id=fields["SecretId"],
        is_signed_with=lambda key: v1_signature_matches(key, fields, method=method, host=host),
    )


def check_target(parameters: CommonParameters) -> None:
    """Refuse a version, action or region that this service does not have."""
    if parameters.version != VERSION:
        raise ServiceError(VendorError.NO_SUCH_VERSION, version=parameters.version[:64])
    if parameters.action != ACTION:
        raise ServiceError(VendorError.INVALID_ACTION)
    if parameters.region is not None and parameters.region not in REGIONS:
        raise ServiceError(VendorError.UNSUPPORTED_REGION)


def _check_required(given: Mapping[str, str], names: Mapping[str, str]) -> None:
    for name, place in names.items():
        if not given.get(place):
            raise ServiceError(VendorError.MISSING, name=name)


def _check_number(text: str, name: str) -> None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise ServiceError(VendorError.WRONG_TYPE, name=name)


@lru_cache(maxsize=1024)
def _utc_date(timestamp: str) -> str:
    return datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d")
