"""Who calls the vendor, and where."""

import hashlib
import math
import re
from dataclasses import dataclass, field

from maskmatch.core.account_rules import (
    DEFAULT_CALLS_PER_SECOND,
    DEFAULT_ENDPOINT,
    DEFAULT_REGION,
    LEAST_CALLS_PER_SECOND,
)
from maskmatch.core.endpoints import read_endpoint
from maskmatch.core.errors import InputError
from maskmatch.core.rate_by_hour import EVEN, RateByHour

_OF_A_REGION = re.compile(r"iai\.[a-z]+-[a-z]+\.tencentcloudapi\.com")
"""The vendor's hosts near a region, which are doors of one service: its page on request structures says so,
https://www.tencentcloud.com/document/product/1059/36943; those for finance (-fsi) are apart."""
_INVISIBLE = re.compile(r"[^!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to reach the vendor as one account, and how many calls a second it allows, less at some hours.

    An endpoint that begins with https:// or http:// is mended to its host, and says the protocol.
    """

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    protocol: str = "https"
    region: str = DEFAULT_REGION
    calls_per_second: float = DEFAULT_CALLS_PER_SECOND
    rate_by_hour: RateByHour = EVEN
    account_id: str | None = None
    """Names the account where its SecretIds change, as temporary ones do; they share one rate and budget."""
    answered_by: str = ""
    """Who answers, unless the service says so itself; by default its host without the port.

    All regions of the vendor are one service.
    """

    @property
    def owner(self) -> str:
        """Return what names the account to the permit store."""
        return self.account_id or self.secret_id

    @property
    def name(self) -> str:
        """Return what names the account to people, without its SecretId."""
        return self.account_id or f"key-{hashlib.sha256(self.secret_id.encode()).hexdigest()[:12]}"

    def __post_init__(self) -> None:
        """Mend the endpoint; raise InputError for an invalid rate, endpoint, protocol, key or region."""
        if not LEAST_CALLS_PER_SECOND <= self.calls_per_second < math.inf:
            raise InputError(
                f"calls_per_second must be a number of {LEAST_CALLS_PER_SECOND} or more, "
                f"not {self.calls_per_second}"
            )
        endpoint = read_endpoint(self.endpoint)
        object.__setattr__(self, "endpoint", endpoint.host_port)
        object.__setattr__(self, "protocol", endpoint.protocol or self.protocol)
        if self.protocol not in ("https", "http"):
            raise InputError(f"protocol must be https or http, not {self.protocol!a}")
        if not self.answered_by:
            host = re.sub(r":\d+$", "", self.endpoint)
            is_of_a_region = _OF_A_REGION.fullmatch(host)
            object.__setattr__(self, "answered_by", DEFAULT_ENDPOINT if is_of_a_region else host)
        for name in ("secret_id", "secret_key", "session_token", "region"):
            _refuse_invisible(name, getattr(self, name) or "")


def _refuse_invisible(name: str, text: str) -> None:
    """Raise InputError for anything but visible ASCII characters, which pasting may bring; show no value."""
    if (wrong := _INVISIBLE.search(text)) is None:
        return
    place = (
        "at its beginning" if wrong.start() == 0 else "at its end" if wrong.end() == len(text) else "inside"
    )
    kind = "a blank" if wrong[0].isspace() else "a character that is not visible ASCII"
    raise InputError(f"{name} holds {kind} {place}: enter it anew, without blanks and line breaks")
