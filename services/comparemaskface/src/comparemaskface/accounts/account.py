"""Who may call: accounts, their keys, rights, limits and money."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

Network = IPv4Network | IPv6Network


class KeyState(StrEnum):
    """What a key is good for."""

    ACTIVE = "active"
    DISABLED = "disabled"
    WRONG_KIND = "wrong_kind"
    MFA_REQUIRED = "mfa_required"


class Permission(StrEnum):
    """What the account's access policy says about this action."""

    ALLOWED = "allowed"
    DENIED = "denied"
    DENIED_TO_KEY = "denied_to_key"


class Standing(Enum):
    """The state of the account's contract; each but the first has a vendor error."""

    ACTIVE = None
    ARREARS = VendorError.IN_ARREARS
    LOW_BALANCE = VendorError.LOW_BALANCE
    FROZEN = VendorError.FROZEN
    NOT_ACTIVATED = VendorError.NOT_ACTIVATED
    NOT_READY = VendorError.NOT_READY
    STOPPED = VendorError.STOPPED
    DELIVERING = VendorError.DELIVERING
    RECLAIMED = VendorError.RECLAIMED
    UNKNOWN = VendorError.UNKNOWN_STATUS
    NO_AUTH_INFO = VendorError.NO_AUTH_INFO
    CHARGE_EXCEPTION = VendorError.CHARGE_EXCEPTION
    CHARGE_SOLD_OUT = VendorError.CHARGE_SOLD_OUT


class Scope(StrEnum):
    """Whose calls a limit counts together."""

    API = "api"
    """All calls of the account to this action."""
    REGION = "region"
    """Those to one region."""
    UIN = "uin"
    """All calls of the account."""
    GLOBAL = "global"
    """All calls of the account, over all regions."""
    IP = "ip"
    """All calls of the account from one address."""


class Counting(StrEnum):
    """How calls per second are counted."""

    CALENDAR = "calendar"
    SLIDING = "sliding"
    BUCKET = "bucket"


@dataclass(frozen=True)
class Key:
    """A SecretId and what proves it; one with a token is temporary. `expires_at`: Unix time."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    state: KeyState = KeyState.ACTIVE

    def check_kind(self) -> None:
        """Refuse a key that is not for calling."""
        if self.state is KeyState.DISABLED:
            raise ServiceError(VendorError.UNKNOWN_SECRET_ID)
        if self.state is KeyState.WRONG_KIND:
            raise ServiceError(VendorError.WRONG_KIND_OF_KEY)
        if self.state is KeyState.MFA_REQUIRED:
            raise ServiceError(VendorError.MFA_MISSING)

    def check_token(self, token: str, *, now: float) -> None:
        """Refuse a token that is not this key's or has expired; a permanent key takes no token."""
        is_mine = hmac.compare_digest(token.encode("utf-8", "replace"), (self.token or "").encode())
        if not is_mine or (self.expires_at is not None and now >= self.expires_at):
            raise ServiceError(VendorError.WRONG_TOKEN)


@dataclass(frozen=True)
class Account:
    """One customer. A balance, in calls or in CNY, is what was paid in; None: paid for afterwards."""

    name: str
    keys: tuple[Key, ...]
    uin: str = "100000000001"
    permission: Permission = Permission.ALLOWED
    limits: tuple[tuple[Scope, int], ...] = ()
    counting: Counting = Counting.CALENDAR
    burst: int = 1
    """Calls that a token bucket lets through at once after a pause."""
    standing: Standing = Standing.ACTIVE
    balance_calls: int | None = None
    balance_cny: Decimal | None = None
    free_calls_per_month: int = 0
    allowed_addresses: tuple[Network, ...] = ()
    """Empty: all."""
    blocked_addresses: tuple[Network, ...] = ()

    @property
    def calls_per_second(self) -> int:
        """Return the limit on calls to this action; 0: unlimited."""
        return dict(self.limits).get(Scope.API, 0)

    def check_address(self, address: str) -> None:
        """Refuse an address on the account's block list, or missing from its allow list."""
        if _is_in(address, self.blocked_addresses):
            raise ServiceError(VendorError.BLOCKED_ADDRESS)
        if self.allowed_addresses and not _is_in(address, self.allowed_addresses):
            raise ServiceError(VendorError.UNLISTED_ADDRESS)

    def check_permission(self, region: str) -> None:
        """Refuse an account that may not call this action."""
        if self.permission is Permission.DENIED:
            raise ServiceError(VendorError.UNAUTHORIZED, region=region, uin=self.uin)
        if self.permission is Permission.DENIED_TO_KEY:
            raise ServiceError(VendorError.UNAUTHORIZED_KEY, region=region, uin=self.uin)

    def check_standing(self, *, billed: int, cost: Decimal) -> None:
        """Refuse an account that may not spend, or has spent what it paid in."""
        if self.standing.value is not None:
            raise ServiceError(self.standing.value)
        is_out_of_calls = self.balance_calls is not None and billed >= self.balance_calls
        if is_out_of_calls or (self.balance_cny is not None and cost >= self.balance_cny):
            raise ServiceError(VendorError.IN_ARREARS)


class Accounts:
    """Find an account by the SecretId of one of its keys."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._owners: dict[str, tuple[Account, Key]] = {}
        self._names: set[str] = set()
        for account in accounts:
            self._add(account)

    def find(self, secret_id: str) -> tuple[Account, Key]:
        """Return the account and the key itself; raise UNKNOWN_SECRET_ID."""
        try:
            return self._owners[secret_id]
        except KeyError:
            raise ServiceError(VendorError.UNKNOWN_SECRET_ID) from None

    def _add(self, account: Account) -> None:
        if account.name in self._names:
            raise ValueError(f"two accounts have the name {account.name}")
        self._names.add(account.name)
        for number, key in enumerate(account.keys, start=1):
            if key.secret_id in self._owners:
                raise ValueError(
                    f"key {number} of the account {account.name} has the SecretId of another key"
                )
            self._owners[key.secret_id] = (account, key)


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    return bool(networks) and any(ip_address(address) in network for network in networks)
