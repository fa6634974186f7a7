"""Parameters as `name=value&...`, in a query or in the body of a form."""

from urllib.parse import parse_qsl

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

MOST_FIELDS = 100
COMMON = frozenset(
    {
        "Action",
        "Language",
        "Nonce",
        "Region",
        "RequestClient",
        "SecretId",
        "Signature",
        "SignatureMethod",
        "Timestamp",
        "Token",
        "Version",
    }
)
"""Names of the parameters that every action has, and that a request signed with TC3 has as headers."""


def read_fields(raw: bytes) -> dict[str, str]:
    """Parse a query or a form; the last of several fields of a name counts."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="surrogateescape",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise ServiceError(VendorError.BROKEN_QUERY) from None
    return dict(pairs)
